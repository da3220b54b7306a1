from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_staff_record"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxmail",
            name="attempts",
            field=models.JSONField(
                db_default=[],
                default=list,
                help_text="of each try its time, and what came of it",
            ),
        ),
    ]
