"""Every error a caller may meet, as one tree.

    AssetctlError
    ├── InvalidRequest            what was asked makes no sense                     2
    ├── ConfigError               settings that cannot be used                      2
    ├── ManifestError             a chapter that cannot be read                     2
    ├── CacheError                the cache cannot do its work                      1
    │   ├── StorageUnusable       data directory refused: owner, link, mode, kind   1
    │   ├── StorageFull           no room, quota, or read-only                      1
    │   └── IntegrityError        bytes that are not what was promised              8
    ├── JournalError              the record of paid jobs cannot be read or written 1
    ├── LibraryError              the library is in trouble (never "no match")      1
    ├── ServiceError              a service answered badly                          1
    │   ├── ServiceFault          it failed within itself, which may pass           1
    │   ├── ServiceUnreachable                                                      9
    │   ├── NotAllowed            no login, or not permitted                        3
    │   │   └── NotYours          one thing is another's                            3
    │   ├── RateLimited                                                             1
    │   ├── AddressRefused        a web address we do not go to                     1
    │   └── LinkExpired           a link to a file that leads nowhere any more      1
    ├── JobError                  a generation job                                  1
    │   ├── GeneratorUnknown      no such generator, or it does not load            2
    │   ├── JobFailed                                                               1
    │   │   └── AccountExhausted  the service takes no order of this account for now  1
    │   ├── JobCancelled                                                            1
    │   ├── JobPending            it goes on; asking again adopts it                4
    │   ├── NeverOrdered          an order that cost nothing: it never arrived         1
    │   └── OutcomeUnknown        the order may or may not have been accepted       10
    ├── SpendRefused              consent or budget missing, nothing spent          6
    ├── AssetUnavailable          nobody could or was allowed to deliver            7
    ├── PrefetchIncomplete        a chapter only in part                            5
    └── Interrupted               a signal ended the work                           130, 143, 129

Each carries what happened, why (if known) and what to do next, as plain text: no colour, no markup. `code` is a
stable word for programs; the numbers are the exit codes of the contract. Text from foreign sources may stand in any
of them: whoever prints one makes it safe (`text.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from assetctl.models import Attempt


class AssetctlError(Exception):
    """Something the world did; a programming mistake is never one of these."""

    code: ClassVar[str] = "failed"
    exit_code: int = 1

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        hint: str | None = None,
        job_id: str | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the three parts; `hint` says what to do next, best as a command to type."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.job_id = job_id
        self.request_id = request_id
        self.attempts: tuple[Attempt, ...] = ()

    @property
    def sentence(self) -> str:
        """What happened and why, in one line."""
        return f"{self.what}: {self.why}" if self.why else self.what


class InvalidRequest(AssetctlError):
    """What was asked makes no sense; nothing was tried."""

    code = "invalid_request"
    exit_code = 2


class ConfigError(AssetctlError):
    """Settings that cannot be read or used."""

    code = "config_invalid"
    exit_code = 2


class ManifestError(AssetctlError):
    """A chapter manifest that cannot be read or used."""

    code = "manifest_invalid"
    exit_code = 2


class CacheError(AssetctlError):
    """The cache cannot do its work."""

    code = "cache_failed"


class StorageUnusable(CacheError):
    """A data directory we refuse to use: wrong owner, mode, kind, or a link."""

    code = "storage_unusable"


class StorageFull(CacheError):
    """The disk is full, a quota is reached, or the file system is read-only."""

    code = "storage_full"


class IntegrityError(CacheError):
    """Bytes that are not what was promised, and nothing sound to put in their place."""

    code = "integrity"
    exit_code = 8


class JournalError(AssetctlError):
    """The record of jobs cannot be read or written; nothing is ordered without it."""

    code = "journal_failed"


class LibraryError(AssetctlError):
    """The library is in trouble; this is never "no match" and never leads to paid generation by itself."""

    code = "library_failed"


class ServiceError(AssetctlError):
    """A service answered in a way we cannot use."""

    code = "service_failed"


class ServiceFault(ServiceError):
    """A service failed within itself; the same question may find it well later."""


class ServiceUnreachable(ServiceError):
    """No answer from a service."""

    code = "service_unreachable"
    exit_code = 9


class NotAllowed(ServiceError):
    """Not logged in, or logged in and not permitted."""

    code = "not_allowed"
    exit_code = 3


class NotYours(NotAllowed):
    """One thing is another's; whatever else is asked for may be permitted."""


class RateLimited(ServiceError):
    """A service asked us to slow down for longer than we may wait."""

    code = "rate_limited"


class AddressRefused(ServiceError):
    """A web address that assetctl does not go to; nothing was sent there."""

    code = "address_refused"


class LinkExpired(ServiceError):
    """A link to a file leads nowhere any more; who gave it may give a fresh one."""

    code = "link_expired"


class JobError(AssetctlError):
    """A generation job did not give its asset."""

    code = "job_failed"


class GeneratorUnknown(JobError):
    """No generator of that name is installed, or it does not load."""

    code = "generator_unknown"
    exit_code = 2


class JobFailed(JobError):
    """The generator says that it cannot make this asset."""

    code = "job_failed"


class AccountExhausted(JobFailed):
    """The service refused an order and will refuse the next one too: no credit is left, or its limit is reached."""

    code = "account_exhausted"


class JobCancelled(JobError):
    """Somebody cancelled the job."""

    code = "job_cancelled"


class JobPending(JobError):
    """The job goes on without us; an equal request adopts it and nothing is bought again."""

    code = "job_pending"
    exit_code = 4


class NeverOrdered(JobError):
    """An order was never sent or never arrived; it cost nothing and is given up."""

    code = "never_ordered"


class OutcomeUnknown(JobError):
    """An order was sent and nobody knows whether it was accepted; it is not sent again."""

    code = "outcome_unknown"
    exit_code = 10

    def __init__(
        self,
        what: str,
        *,
        why: str | None = None,
        hint: str | None = None,
        job_id: str | None = None,
        request_id: str | None = None,
        ask_again_in_s: float | None = None,
    ) -> None:
        """Keep the parts; after `ask_again_in_s` its generator can tell, None when it doesn't know when."""
        super().__init__(what, why=why, hint=hint, job_id=job_id, request_id=request_id)
        self.ask_again_in_s = ask_again_in_s


class SpendRefused(AssetctlError):
    """Consent is missing or a budget is reached; nothing was spent."""

    code = "spend_refused"
    exit_code = 6


class AssetUnavailable(AssetctlError):
    """No provider could deliver, or none was allowed to."""

    code = "not_available"
    exit_code = 7


class PrefetchIncomplete(AssetctlError):
    """A chapter was delivered only in part."""

    code = "prefetch_incomplete"
    exit_code = 5


class Interrupted(AssetctlError):
    """A signal ended the work; a job, if any, goes on and is named."""

    code = "interrupted"

    def __init__(self, what: str, *, signal_number: int, hint: str | None = None, job_id: str | None = None) -> None:
        """Exit as a shell expects it: 128 and the signal's number."""
        super().__init__(what, hint=hint, job_id=job_id)
        self.exit_code = 128 + signal_number
