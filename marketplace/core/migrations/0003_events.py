"""Events, and the webhooks that they are sent to."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import marketplace.core.ids
import uuid
from django.db import migrations, models
from marketplace.core.partitions import PartitionByMonth


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0002_cache'),
    ]

    operations = [
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.CharField(default=marketplace.core.ids.new_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('url', models.CharField(max_length=2000)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('detail_types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=120), default=list, size=None)),
                ('sealed_secret', models.BinaryField()),
                ('sealed_previous_secret', models.BinaryField(blank=True, null=True)),
                ('previous_secret_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('disabled_at', models.DateTimeField(blank=True, null=True)),
                ('disabled_reason', models.CharField(blank=True, max_length=500)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='webhook_endpoints', to='core.organization')),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.CharField(default=marketplace.core.ids.new_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('event_id', models.UUIDField()),
                ('event_occurred_at', models.DateTimeField()),
                ('detail_type', models.CharField(max_length=120)),
                ('state', models.CharField(choices=[('PENDING', 'To be sent'), ('DONE', 'Sent'), ('FAILED', 'Not sent')], default='PENDING', max_length=7)),
                ('attempts', models.IntegerField(default=0)),
                ('failures', models.IntegerField(default=0)),
                ('turn', models.IntegerField(default=1)),
                ('last_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('last_status', models.IntegerField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=500)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('endpoint', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='core.webhookendpoint')),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('pk', models.CompositePrimaryKey('occurred_at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('occurred_at', models.DateTimeField()),
                ('sequence', models.BigIntegerField()),
                ('detail_type', models.CharField(max_length=120)),
                ('source_key', models.CharField(max_length=200)),
                ('resources', models.JSONField(default=list)),
                ('detail', models.JSONField(default=dict)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='core.organization')),
            ],
        ),
        # constraint and index after it: a copy does not keep their names
        PartitionByMonth("core_event", "occurred_at"),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('occurred_at', 'organization', 'source_key'), name='event_once'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(fields=['organization', '-sequence'], name='event_by_organization'),
        ),
        migrations.RunSQL("CREATE SEQUENCE core_event_sequence", "DROP SEQUENCE core_event_sequence"),
        migrations.AddIndex(
            model_name='webhookendpoint',
            index=models.Index(fields=['organization', '-created_at', '-id'], name='webhook_by_organization'),
        ),
        migrations.AddConstraint(
            model_name='webhookendpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('previous_secret_until', None), ('sealed_previous_secret', None)), models.Q(('previous_secret_until__isnull', False), ('sealed_previous_secret__isnull', False)), _connector='OR'), name='previous_secret_has_an_end'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['endpoint', '-created_at', '-id'], name='delivery_by_webhook'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(condition=models.Q(('state', 'FAILED')), fields=['endpoint'], name='delivery_failed_by_webhook'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['event_occurred_at'], name='delivery_age'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.UniqueConstraint(fields=('endpoint', 'event_id'), name='webhook_delivery_once'),
        ),
        migrations.AddConstraint(
            model_name='webhookdelivery',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ['PENDING', 'DONE', 'FAILED'])), name='webhook_delivery_state_known'),
        ),
    ]
