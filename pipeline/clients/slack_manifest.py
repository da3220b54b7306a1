"""The manifest from which Slack makes the app: what our client asks for, and where clicks go."""

ACTIONS_PATH = "/api/slack/actions"
SCOPES = {
    "chat:write": "messages, their edits, answers that one person sees",
    "files:write": "sky maps and plans as pictures",
    "channels:history": "find a message after a crash instead of posting it twice",
    "groups:history": "the same in private channels",
    "im:write": "lead a second click to the plan that runs",
    "im:history": "find that message after a crash",
    "metadata.message:read": "know our messages by the id of their delivery",
}
"""Rights of the bot, and what each is for."""
_MANIFEST = """\
# Slack, "Create an app" > "From a manifest". Written by: python manage.py slack_manifest
display_information:
  name: Nightjar
  description: Gravitational-wave alerts, plans and decisions
features:
  bot_user:
    display_name: nightjar
    always_online: true
oauth_config:
  scopes:
    bot:
{scopes}
settings:
  interactivity:
    is_enabled: true
    request_url: {url}
  org_deploy_enabled: false
  socket_mode_enabled: false
  token_rotation_enabled: false
"""


def manifest(public_url: str) -> str:
    """Return the manifest, in YAML, of an app whose clicks go to the server at ``public_url``."""
    scopes = "\n".join(f"      - {scope}  # {why}" for scope, why in SCOPES.items())
    return _MANIFEST.format(scopes=scopes, url=public_url + ACTIONS_PATH)
