"""How often anybody may knock: the ways into an account, as pages and REST share them.

What an IP address asks too often is refused with 429. What is asked too often about one e-mail is
not refused: the same answer is given and nothing is done, so that nobody learns from it.
"""

from django.http import HttpRequest

from accounts import passwords, people
from accounts.addresses import AddressError, kept_form
from accounts.models import BabamulUser
from accounts.people import Activation
from broker import limits
from broker.config import config
from broker.refusals import ApiError, field_error, too_many

HOUR_S, MINUTE_S = 3600.0, 60.0
WRONG_CODE = (
    "The code or the e-mail is wrong, or the code is too old. Sign up again for another code."
)
WRONG_RESET = "The code or the e-mail is wrong, or the code is too old. Ask for another."
WRONG_LOGIN = "The e-mail or the password is wrong."


def sign_up(request: HttpRequest, email: str) -> None:
    """Mail a code, if the address may have one.

    Raises
    ------
    ApiError
        400 for what is no address; 429 by IP address and for everybody together.
    """
    settings = config().accounts
    _spend(request, "signup", settings.signups_per_ip_h, HOUR_S, fail_open=False)
    try:
        known = kept_form(email)
    except AddressError as error:
        raise field_error("email", str(error)) from None
    everywhere = _wait_s("signup", "everywhere", settings.signups_h, HOUR_S, fail_open=False)
    if everywhere is not None:
        raise too_many(everywhere, "too many sign-ups")
    if _wait_s("signup-email", known, settings.signups_per_email_h, HOUR_S) is None:
        people.sign_up(known)


def activate(request: HttpRequest, email: str, code: str) -> Activation | None:
    """Return what ``people.activate`` returns.

    Raises
    ------
    ApiError
        429 by IP address.
    """
    settings = config().accounts
    _spend(request, "activate", settings.activations_per_ip_h, HOUR_S)
    known = _known_form(email)
    if known is None:
        return None
    # By both: else anybody could keep the owner of an address out.
    asker = _network(request)
    tries = settings.activations_per_email_h
    if _wait_s("activate-email", f"{known} {asker}", tries, HOUR_S) is not None:
        return None
    return people.activate(known, code.strip(), asker)


def log_in(request: HttpRequest, email: str, password: str) -> BabamulUser | None:
    """Return the account, or None; the limits come before the costly hash.

    Raises
    ------
    ApiError
        429 by IP address, and for wrong passwords of one e-mail from one IP address.
    """
    settings = config().accounts
    _spend(request, "login", settings.logins_per_ip_min, MINUTE_S)
    known = _known_form(email)
    if known is None:
        passwords.matches(password, None)  # as slow as for an address
        return None
    pair = f"{known} {_network(request)}"
    wait_s = limits.pause_after(
        "failures", pair, count=settings.failures_per_email, pause_s=settings.failure_pause_s
    )
    if wait_s is not None:
        raise too_many(wait_s, "too many wrong passwords")
    user = people.log_in(known, password)
    if user is not None:
        limits.forget("failures", pair)
    return user


def forget_password(request: HttpRequest, email: str) -> None:
    """Mail a code for a new password, if there is such an account.

    Raises
    ------
    ApiError
        429 by IP address.
    """
    settings = config().accounts
    _spend(request, "reset", settings.resets_per_ip_h, HOUR_S)
    known = _known_form(email)
    if known is None:
        return
    if _wait_s("reset-email", known, settings.resets_per_email_h, HOUR_S) is None:
        people.forget_password(known)


def reset_password(
    request: HttpRequest, email: str, code: str, password: str, *, revoke_all: bool
) -> bool:
    """Return whether the code was right and the password is the new one.

    Raises
    ------
    ApiError
        400 with the rules that the password breaks; 429 by IP address, or when the last change is
        too fresh and the code right.
    """
    _spend(request, "reset", config().accounts.resets_per_ip_h, HOUR_S)
    if broken := passwords.broken_rules(password):
        raise ApiError(400, f"new_password: {'; '.join(broken)}", {"new_password": broken})
    known = _known_form(email)
    try:
        return known is not None and people.reset_password(
            known, code.strip(), password, _network(request), revoke_all=revoke_all
        )
    except people.CooldownError as error:
        raise too_many(error.wait_s, "the password was changed a moment ago") from None


def _known_form(email: str) -> str | None:
    try:
        return kept_form(email)
    except AddressError:
        return None


def _spend(
    request: HttpRequest, bucket: str, count: int, period_s: float, *, fail_open: bool = True
) -> None:
    wait_s = _wait_s(f"{bucket}-ip", _network(request), count, period_s, fail_open=fail_open)
    if wait_s is not None:
        raise too_many(wait_s)


def _wait_s(
    bucket: str, key: str, count: int, period_s: float, *, fail_open: bool = True
) -> float | None:
    return limits.take(bucket, key, rate_per_s=count / period_s, burst=count, fail_open=fail_open)


def _network(request: HttpRequest) -> str:
    return limits.network(limits.client_ip(request))
