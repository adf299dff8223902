"""Registered databases and lake catalogues."""

import django.db.models.deletion
import django.utils.timezone
import marketplace.core.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0003_events'),
    ]

    operations = [
        migrations.CreateModel(
            name='SourceConnection',
            fields=[
                ('id', models.CharField(default=marketplace.core.ids.new_id, editable=False, max_length=32, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('POSTGRESQL', 'PostgreSQL database'), ('ICEBERG_REST', 'Iceberg catalogue')], max_length=12)),
                ('name', models.CharField(max_length=120)),
                ('host', models.CharField(blank=True, max_length=253)),
                ('port', models.IntegerField(default=0)),
                ('database', models.CharField(blank=True, max_length=63)),
                ('username', models.CharField(blank=True, max_length=128)),
                ('sslmode', models.CharField(blank=True, choices=[('require', 'Encrypted'), ('verify-full', 'Encrypted, certificate and host name checked'), ('disable', 'Not encrypted')], max_length=11)),
                ('uri', models.CharField(blank=True, max_length=500)),
                ('warehouse', models.CharField(blank=True, max_length=200)),
                ('prefix', models.CharField(blank=True, max_length=100)),
                ('authentication', models.CharField(blank=True, choices=[('NONE', 'Nothing: it is open'), ('TOKEN', 'A bearer token'), ('CLIENT_CREDENTIALS', 'OAuth2 client credentials')], max_length=18)),
                ('client_id', models.CharField(blank=True, max_length=256)),
                ('oauth_scope', models.CharField(blank=True, max_length=500)),
                ('token_url', models.CharField(blank=True, max_length=500)),
                ('sealed_secret', models.BinaryField(default=b'')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('proved_at', models.DateTimeField(blank=True, null=True)),
                ('failed_at', models.DateTimeField(blank=True, null=True)),
                ('failure', models.CharField(blank=True, max_length=500)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='source_connections', to='core.organization')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('organization', 'kind', 'host', 'port', 'database', 'username', 'uri', 'warehouse', 'prefix'), name='source_once'), models.CheckConstraint(condition=models.Q(models.Q(('authentication', ''), ('kind', 'POSTGRESQL'), ('prefix', ''), ('uri', ''), ('warehouse', ''), ('port__gte', 1), ('port__lte', 65535), ('sslmode__in', ['require', 'verify-full', 'disable']), models.Q(('host', ''), _negated=True), models.Q(('database', ''), _negated=True), models.Q(('username', ''), _negated=True)), models.Q(('database', ''), ('host', ''), ('kind', 'ICEBERG_REST'), ('port', 0), ('sslmode', ''), ('username', ''), ('authentication__in', ['NONE', 'TOKEN', 'CLIENT_CREDENTIALS']), models.Q(('uri', ''), _negated=True)), _connector='OR'), name='source_fields_of_its_kind')],
            },
        ),
    ]
