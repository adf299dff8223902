from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0002_auto_export_encryption_and_tags'),
        ('publishers', '0004_published_data_set'),
    ]

    operations = [
        migrations.RenameField('eventaction', 'product_data_set', 'published_data_set'),
        migrations.RenameField('job', 'product_data_set', 'published_data_set'),
    ]
