from django.db import migrations


class Migration(migrations.Migration):
    """What a product or a data grant publishes has one name: PublishedDataSet."""

    dependencies = [
        ('publishers', '0003_asset_tags'),
        # rows that refer to the model must be known by the state that renames it
        ('jobs', '0002_auto_export_encryption_and_tags'),
        ('subscriptions', '0001_initial'),
    ]

    operations = [
        migrations.RenameModel('ProductDataSet', 'PublishedDataSet'),
        migrations.RenameField('publishedrevision', 'product_data_set', 'published_data_set'),
    ]
