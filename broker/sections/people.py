"""Settings of the web and of the people who use it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo

from broker.sections import Port, Section


def _address(url: str, info: ValidationInfo) -> str:
    return url.rstrip("/") or f"http://localhost:{info.data.get('port')}"


class WebSettings(Section):
    """The web process."""

    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[Port, Field(description="published clients hard-wire 4000")] = 4000
    public_url: Annotated[
        str,
        Field(
            description="address in mails and snippets; empty: localhost with the port",
            validate_default=True,
        ),
        AfterValidator(_address),
    ] = ""
    secret_key: Annotated[SecretStr, Field(description="Django's signing key, 50 characters")] = (
        SecretStr("")
    )
    fernet_keys: Annotated[
        tuple[SecretStr, ...],
        Field(description="seal what waits in rows; the first seals; empty: of web.secret_key"),
    ] = ()
    allowed_hosts: Annotated[tuple[str, ...], Field(description="host names answered to")] = (
        "localhost",
        "127.0.0.1",
    )
    trusted_proxies: Annotated[
        int, Field(ge=0, le=10, description="proxies in front that append to X-Forwarded-For")
    ] = 0
    debug: Annotated[bool, Field(description="Django's debug pages; never in production")] = False


class OperatorSettings(Section):
    """Who runs this: shown at the foot of every page, and on the pages of terms and privacy."""

    name: Annotated[str, Field(description="institute or person; empty: the pages say so")] = ""
    contact: Annotated[
        str, Field(description="e-mail address of whoever answers; may be empty")
    ] = ""
    terms_file: Annotated[
        str, Field(description="text of the terms of use, a blank line between paragraphs")
    ] = ""
    privacy_file: Annotated[
        str, Field(description="text about personal data, a blank line between paragraphs")
    ] = ""


class LimitsSettings(Section):
    """How much anybody may ask of the web; what concerns sign-up and log-in is under accounts."""

    address_per_s: Annotated[
        float, Field(gt=0, description="requests of one address; a workshop has one [1/s]")
    ] = 100
    address_burst: Annotated[int, Field(gt=0, description="that may come at once")] = 400
    user_per_s: Annotated[float, Field(gt=0, description="requests of one account [1/s]")] = 50
    user_burst: Annotated[int, Field(gt=0, description="that may come at once")] = 200
    searches: Annotated[int, Field(gt=0, description="heavy searches of one account at once")] = 4
    search_wait_s: Annotated[
        float, Field(ge=0, le=25, description="the next one waits so long for its turn [s]")
    ] = 20


class AccountsSettings(Section):
    """People's accounts: how long codes and logins hold, how much anybody may ask for."""

    token_key: Annotated[
        SecretStr,
        Field(description="signs the API's tokens, 32 characters or more; empty: of the web's key"),
    ] = SecretStr("")
    activation_ttl_s: Annotated[
        int, Field(gt=0, description="an activation code is good for this time [s]")
    ] = 86_400
    reset_ttl_s: Annotated[
        int, Field(gt=0, description="a code for a new password is good for this time [s]")
    ] = 3600
    reset_cooldown_s: Annotated[
        int, Field(ge=0, description="shortest time between two changes of a password [s]")
    ] = 900
    token_ttl_s: Annotated[
        int, Field(gt=0, description="an API token of a log-in is good for this time [s]")
    ] = 604_800
    session_idle_s: Annotated[
        int, Field(gt=0, description="a browser that stays away so long is signed out [s]")
    ] = 1_209_600
    token_reminder_days: Annotated[
        tuple[int, ...], Field(description="a mail so many days before a token expires; () is none")
    ] = (14, 3)
    max_tokens: Annotated[int, Field(gt=0, description="personal access tokens per account")] = 10
    max_credentials: Annotated[int, Field(gt=0, description="named Kafka credentials each")] = 10
    reconcile_s: Annotated[
        int, Field(ge=10, description="credentials are compared with Kafka's listings so often [s]")
    ] = 300
    grant_wait_s: Annotated[
        float, Field(ge=0, le=20, description="a page waits so long for Kafka to confirm [s]")
    ] = 10
    signups_per_ip_h: Annotated[
        int, Field(gt=0, description="sign-ups from one address; a workshop has one")
    ] = 60
    signups_per_email_h: Annotated[int, Field(gt=0, description="sign-ups of one e-mail")] = 5
    signups_h: Annotated[int, Field(gt=0, description="sign-ups from everywhere")] = 200
    logins_per_ip_min: Annotated[int, Field(gt=0, description="log-ins from one address")] = 10
    failures_per_email: Annotated[
        int, Field(gt=0, description="wrong passwords of one e-mail and address before a pause")
    ] = 5
    failure_pause_s: Annotated[int, Field(gt=0, description="length of that pause [s]")] = 900
    activations_per_ip_h: Annotated[
        int, Field(gt=0, description="activations from one address; a workshop has one")
    ] = 60
    activations_per_email_h: Annotated[
        int, Field(gt=0, description="activations tried of one e-mail")
    ] = 10
    resets_per_ip_h: Annotated[
        int, Field(gt=0, description="forgotten or changed passwords from one address")
    ] = 20
    resets_per_email_h: Annotated[
        int, Field(gt=0, description="mails about a forgotten password of one e-mail")
    ] = 3


class MailSettings(Section):
    """How mails leave; without a server they are written into a folder."""

    host: Annotated[str, Field(description="of the mail server; empty: write into spool_dir")] = ""
    port: Annotated[Port, Field(description="of the mail server")] = 587
    security: Annotated[
        Literal["none", "starttls", "tls"], Field(description="of the connection to it")
    ] = "starttls"
    ca_file: Annotated[
        str, Field(description="PEM of the authority of its certificate; empty: the system's")
    ] = ""
    username: Annotated[str, Field(description="at the mail server; empty: no log-in")] = ""
    password: Annotated[SecretStr, Field(description="at the mail server")] = SecretStr("")
    timeout_s: Annotated[int, Field(gt=0, le=60, description="for each step with it [s]")] = 15
    from_address: Annotated[str, Field(description="sender of every mail")] = (
        "Nightjar <nightjar@localhost>"
    )
    spool_dir: Annotated[str, Field(description="folder; empty: mail in the home of the parts")] = (
        ""
    )
    expires_s: Annotated[
        int, Field(gt=0, description="a mail that no server took by then is dropped [s]")
    ] = 86_400
