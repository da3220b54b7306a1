from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_log_tries_of_mails"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxmail",
            name="once",
            field=models.TextField(
                db_default="",
                default="",
                help_text="what no second mail is written about; mostly nothing",
            ),
        ),
        migrations.AddConstraint(
            model_name="outboxmail",
            constraint=models.UniqueConstraint(
                condition=models.Q(("once", ""), _negated=True),
                fields=("once",),
                name="mail_outbox_once",
            ),
        ),
    ]
