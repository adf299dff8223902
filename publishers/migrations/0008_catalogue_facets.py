# What the catalogue filters and counts stands in the search table as numbers; a half-typed word is the last one only.

import django.contrib.postgres.indexes
from django.db import migrations, models
from django.db.models import F

PREFIX_OF_EVERY_WORD = """
    CREATE OR REPLACE FUNCTION entrepot_prefix_query(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN count(*) = 0 THEN ''::tsquery
            ELSE to_tsquery('simple', string_agg(quote_literal(lower(word)) || ':*', ' & ')) END
        FROM regexp_split_to_table(regexp_replace(left(words, 200), '[^[:alnum:]]+', ' ', 'g'), ' ') AS word
        WHERE word <> ''
    $$
"""
# The words before the last are looked for as they are meant; the last may be half typed, once it has three letters: fewer
# would match nearly everything. Somebody who writes operators means what is written.
PREFIX_OF_THE_LAST_WORD = """
    CREATE OR REPLACE FUNCTION entrepot_prefix_query(words text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE
            WHEN last IS NULL OR length(last) < 3 OR words ~* '(^|[[:space:]])(-|or[[:space:]])' OR words ~ '"' THEN ''::tsquery
            WHEN first = '' THEN to_tsquery('simple', quote_literal(lower(last)) || ':*')
            ELSE websearch_to_tsquery('english', first) && to_tsquery('simple', quote_literal(lower(last)) || ':*') END
        FROM (SELECT substring(left(words, 200) from '([[:alnum:]]+)[[:space:]]*$') AS last,
                     regexp_replace(left(words, 200), '[[:alnum:]]+[[:space:]]*$', '') AS first) AS parts
    $$
"""
# Rows of what not everybody may find go at once; the others are written anew by the worker.
WRITE_ANEW = """
    DELETE FROM publishers_productsearch s USING publishers_product p
        WHERE p.id = s.product_id AND (p.state <> 'PUBLISHED' OR p.visibility <> 'PUBLIC');
    INSERT INTO core_workitem (task, key, arguments, organization_id, state, due_at, attempts, failures, fence, worker,
                               last_error, created_at)
        SELECT 'publishers.index_product', 'facets:' || id, jsonb_build_object('product_id', id), '', 'PENDING', now(), 0, 0,
               0, '', '', now()
        FROM publishers_product WHERE state = 'PUBLISHED' AND visibility = 'PUBLIC'
        ON CONFLICT (task, key) DO NOTHING;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0005_team_inbox_site"),
        ("publishers", "0007_product_pages"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="productsearch", name="product_search_shelf"),
        migrations.RemoveField(model_name="productsearch", name="category"),
        migrations.RemoveField(model_name="productsearch", name="formats"),
        migrations.RemoveField(model_name="productsearch", name="owner_id"),
        migrations.AddField("productsearch", "publisher", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "category_code", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "price_bits", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "delivery_bits", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "frequency_code", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "region_bits", models.SmallIntegerField(default=0, db_default=0)),
        migrations.AddField("productsearch", "format_bits", models.IntegerField(default=0, db_default=0)),
        migrations.AddField(
            "productsearch",
            "sort_name",
            models.CharField(max_length=24, default="", db_default="", db_collation="C"),
        ),
        migrations.AddField("productsearch", "listed_at", models.DateTimeField(null=True)),
        migrations.RunSQL(PREFIX_OF_THE_LAST_WORD, PREFIX_OF_EVERY_WORD),
        migrations.RunSQL(WRITE_ANEW, migrations.RunSQL.noop),
        migrations.AddIndex(
            "productsearch",
            django.contrib.postgres.indexes.GinIndex(fields=["head"], name="product_search_head", fastupdate=False),
        ),
        migrations.AddIndex(
            "productsearch",
            models.Index(fields=["category_code", "-popularity", "product"], name="product_search_shelf"),
        ),
        migrations.AddIndex(
            "productsearch",
            models.Index(fields=["publisher", "-popularity", "product"], name="product_search_publisher"),
        ),
        migrations.AddIndex(
            "productsearch", models.Index(fields=["-popularity", "product"], name="product_search_popular")
        ),
        migrations.AddIndex(
            "productsearch", models.Index(fields=["-listed_at", "product"], name="product_search_newest")
        ),
        migrations.AddIndex(
            "productsearch",
            models.Index(F("refreshed_at").desc(nulls_last=True), "product", name="product_search_updated"),
        ),
        migrations.AddIndex("productsearch", models.Index(fields=["sort_name", "product"], name="product_search_name")),
    ]
