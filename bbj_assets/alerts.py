"""Post alerts of failed runs to a webhook.

Through the standard library, because httpx logs the URL of every request, and the URL of a webhook is a secret.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus

from pydantic import SecretStr

from bbj_assets.errors import AlertDelayed, AlertError
from bbj_assets.retrying import RetryPolicy, parse_retry_after, retry
from bbj_assets.settings import WEB_SCHEMES

_TIMEOUT = 10
"""Seconds."""
_RETRIES = 2
_INITIAL_DELAY = 1.0
_MAX_SECONDS = 10.0
"""Seconds after which no retry begins, because all other sensors of a daemon wait for the alert."""

_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect an error: it would be followed by a GET, which delivers nothing."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def post_alert(webhook: SecretStr, text: str, details: Mapping[str, str]) -> None:
    """Post `{"text": ..., **details}` as JSON, which Slack, Mattermost and Teams' workflows show as a message.

    A transient error is retried for some seconds, and not sooner than Retry-After says.

    Raises:
        AlertDelayed: the alert may be delivered later.
        AlertError: it cannot be delivered. Neither message names the URL.
    """
    url = webhook.get_secret_value()
    if not url.startswith(WEB_SCHEMES):
        raise AlertError(f"BBJ_ASSETS_ALERT_WEBHOOK must be a URL that begins with {' or '.join(WEB_SCHEMES)}.")
    body = json.dumps({"text": text, **details}).encode()
    policy = RetryPolicy(
        retry_on=AlertDelayed, retries=_RETRIES, initial_delay=_INITIAL_DELAY, max_seconds=_MAX_SECONDS
    )
    retry(partial(_post, url, body), policy)


def _post(url: str, body: bytes) -> None:
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            url, data=body, headers={"Content-Type": "application/json", "User-Agent": "bbj-assets"}
        )
        with _opener.open(request, timeout=_TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        with error:
            failed = _refusal(error.code, error.headers.get("Retry-After"))
    except (ValueError, http.client.InvalidURL) as error:  # only the class, because the message may hold the URL
        failed = AlertError(_undelivered(type(error).__name__))
    except (OSError, http.client.HTTPException) as error:  # likewise
        failed = AlertDelayed(_undelivered(type(error).__name__))
    raise failed


def _refusal(status: int, retry_after: str | None) -> AlertError:
    message = _undelivered(f"it answers {status}")
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return AlertDelayed(message, retry_after=parse_retry_after(retry_after))
    return AlertError(message)


def _undelivered(reason: str) -> str:
    return f"The alert could not be delivered: {reason}. Check BBJ_ASSETS_ALERT_WEBHOOK."
