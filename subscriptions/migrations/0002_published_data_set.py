from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('subscriptions', '0001_initial'),
        ('publishers', '0004_published_data_set'),
    ]

    operations = [
        migrations.RenameField('entitlement', 'product_data_set', 'published_data_set'),
    ]
