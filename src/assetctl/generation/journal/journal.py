"""What the rest of the house asks the journal.

Every state is committed before the act that follows it, so that whoever comes next after a crash knows what may still
be done. The journal outlives the cache, no cache command touches it, and nothing in it is guessed: a damaged one stops
all orders instead of being made anew.

    intended -> sent -> accepted -> ready -> downloaded -> published -> closed
                 |         |
                 |         +-> failed, cancelled
                 +-> unknown -> accepted, abandoned
                 +-> refused
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, TypeVar

from assetctl import filesystem
from assetctl.batching import Batches
from assetctl.documents import timestamp
from assetctl.errors import AssetctlError
from assetctl.eventloop import in_thread
from assetctl.generation.allowances import Spent
from assetctl.generation.journal import rows
from assetctl.generation.journal.file import JournalFile
from assetctl.generation.orders import OrderState, UsualTime, cost_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from assetctl.clock import Clock
    from assetctl.generation.allowances import Allowance
    from assetctl.generation.orders import Change, Order
    from assetctl.models import AssetRequest, AssetType, Cost

_BUSY_TIMEOUT_S: Final = 10.0
_FEWEST_TIMES: Final = 3
_KEYS_AT_ONCE: Final = 500
T = TypeVar("T")
_Work: TypeAlias = "Callable[[sqlite3.Connection], Any]"
_Outcome: TypeAlias = "Callable[[], Any]"


class Journal:
    """The journal in one SQLite file; safe for many processes and tasks at once. Opened anew for each operation.

    What many tasks write at the same time is made durable together, and each goes on once it is.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        busy_timeout_s: float = _BUSY_TIMEOUT_S,
        find_kind: filesystem.FindKind = filesystem.kind_of,
        step: filesystem.Step = filesystem.no_step,
    ) -> None:
        """Use the file at `path`, made with its folder when the first order is written; only on a local disk."""
        self._file = JournalFile(path, busy_timeout_s=busy_timeout_s, find_kind=find_kind, step=step)
        self._clock = clock
        self._writes = Batches[_Work, _Outcome](self._written)

    async def intend(
        self,
        key: str,
        generator: str,
        request: AssetRequest,
        *,
        allowance: Allowance | None = None,
        price: Cost | None = None,
    ) -> tuple[Order, bool]:
        """The open order for `key` and whether this call made it; on return it is durable in state `intended`.

        A new one counts within `allowance` from the same transaction on, with `price` as what it may cost at most. Only
        the state `refused` gives its place back.

        Raises:
            SpendRefused: the allowance has no room for a new one; nothing was written.
            JournalError: the journal can't be read or written.
        """
        intent = rows.Intent(key, generator, request, allowance, price)

        def work(connection: sqlite3.Connection) -> tuple[Order, bool]:
            found = rows.orders_where(connection, f"WHERE key = ? AND {rows.IS_UNSETTLED}", (key,))
            return (found[0], False) if found else (rows.insert(connection, intent, self._now()), True)

        return await self._write(work, make=True)

    async def reserve(self, order: Order, *, allowance: Allowance | None, price: Cost | None) -> Order:
        """`order`, about to be sent, counts within `allowance` and no longer for another run; this process owns it.

        Reserving again for the same run counts nothing twice.

        Raises:
            SpendRefused: the allowance has no room for it; the order stays as it was.
            JournalError: the journal can't be written, or the order isn't in it any more.
        """
        return await self._write(lambda it: rows.reserve(it, order.order_id, allowance, price))

    async def spent(self, run_id: str) -> Spent:
        """What the run has ordered, by all its processes.

        Raises:
            JournalError: the journal can't be read.
        """
        return await self._read(lambda it: rows.spent(it, run_id), Spent())

    async def advance(
        self,
        order: Order,
        state: OrderState,
        *,
        job_id: str | None = None,
        digest: str | None = None,
        cost: Cost | None = None,
        detail: str | None = None,
        generation_time_ms: int | None = None,
    ) -> Order:
        """`order` in its new `state`, durable; facts given here are added, None leaves what is known.

        Raises:
            JournalError: the journal can't be written, or the order isn't in it any more.
        """
        facts: dict[str, str | int | None] = {
            "job_id": job_id,
            "digest": digest,
            "detail": detail,
            "cost": cost_text(cost),
            "generation_time_ms": generation_time_ms,
        }
        return await self._write(lambda it: rows.advance(it, order.order_id, state, facts, self._now()))

    async def own(self, order: Order) -> Order:
        """`order`, owned by this process unless another one looks after it that may be alive.

        Raises:
            JournalError: the journal can't be written, or the order isn't in it any more.
        """
        return await self._write(lambda it: rows.own(it, order.order_id))

    async def open_order(self, key: str) -> Order | None:
        """The order that occupies `key`, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        found = await self._select(f"WHERE key = ? AND {rows.IS_UNSETTLED}", key)
        return found[0] if found else None

    async def open_orders(self, keys: Sequence[str]) -> dict[str, Order]:
        """The order that occupies each of `keys`; keys without one are left out.

        Raises:
            JournalError: the journal can't be read.
        """
        found: dict[str, Order] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            orders = await self._select(f"WHERE key IN ({marks}) AND {rows.IS_UNSETTLED}", *some)
            found |= {order.key: order for order in orders}
        return found

    async def sent(self, keys: Sequence[str]) -> set[str]:
        """Those of `keys` with an order that was sent and is open still, whatever became of it.

        Raises:
            JournalError: the journal can't be read.
        """
        found = await self.open_orders(keys)
        return {key for key, order in found.items() if order.state is not OrderState.INTENDED}

    async def last_closed(self, key: str) -> Order | None:
        """The newest order for `key` whose file was delivered, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        found = await self._select("WHERE key = ? AND state = 'closed' ORDER BY updated_at DESC LIMIT 1", key)
        return found[0] if found else None

    async def get(self, order_id: str) -> Order | None:
        """The order with this id or this generator's job id, None when there is none.

        Raises:
            JournalError: the journal can't be read.
        """
        found = await self._select(
            "WHERE order_id = ? OR job_id = ? ORDER BY updated_at DESC LIMIT 1", order_id, order_id
        )
        return found[0] if found else None

    async def named(self, text: str) -> list[Order]:
        """The orders that `text` may mean: by its whole order or job id, else by how one of them begins; newest first.

        Raises:
            JournalError: the journal can't be read.
        """
        whole = await self._select("WHERE order_id = ? OR job_id = ? ORDER BY created_at DESC", text, text)
        if whole or not text:
            return whole
        begins = "substr(order_id, 1, length(?)) = ? OR substr(job_id, 1, length(?)) = ?"
        return await self._select(f"WHERE {begins} ORDER BY created_at DESC", text, text, text, text)

    async def orders(self, *, open_only: bool) -> list[Order]:
        """All orders, or only the open ones, oldest first.

        Raises:
            JournalError: the journal can't be read.
        """
        which = f"WHERE {rows.IS_OPEN} " if open_only else ""
        return await self._select(f"{which}ORDER BY created_at, rowid")

    async def history(self, order: Order) -> list[Change]:
        """Every change of `order`, the first one first; of an order of an older assetctl, what is known.

        Raises:
            JournalError: the journal can't be read.
        """
        return await self._read(lambda it: rows.history(it, order.order_id), [])

    async def typical_time_s(self, generator: str, asset_type: AssetType) -> float | None:
        """The median of what the latest jobs of this kind took; None when too few are known to speak of typical.

        Raises:
            JournalError: the journal can't be read.
        """
        times = await self._read(lambda it: rows.generation_times_ms(it, generator, asset_type.value), [])
        return statistics.median(times) / 1000 if len(times) >= _FEWEST_TIMES else None

    async def usual_time(self, generator: str, asset_type: AssetType) -> UsualTime | None:
        """What most of the latest jobs of this kind took; None when too few are known to speak of usual.

        Raises:
            JournalError: the journal can't be read.
        """
        times = await self._read(lambda it: rows.generation_times_ms(it, generator, asset_type.value), [])
        if len(times) < _FEWEST_TIMES:
            return None
        tenths = statistics.quantiles(times, n=10, method="inclusive")
        return UsualTime(tenths[0] / 1000, tenths[-1] / 1000, len(times))

    async def _select(self, clause: str, *values: str) -> list[Order]:
        return await self._read(lambda it: rows.orders_where(it, clause, values), [])

    async def _read(self, work: Callable[[sqlite3.Connection], T], if_there_is_none: T) -> T:
        def read() -> T:
            if not self._file.exists:
                return if_there_is_none
            with self._file.reading() as connection:
                return work(connection)

        return await in_thread(read)

    async def _write(self, work: Callable[[sqlite3.Connection], T], *, make: bool = False) -> T:
        def write() -> T:
            if make:
                self._file.ensure()
            return self._writes.take_part(work)()

        return await in_thread(write)

    def _written(self, works: Sequence[_Work]) -> list[_Outcome]:
        """What each of `works` comes to, durable; one that is refused leaves nothing behind and hinders no other."""
        with self._file.writing() as connection:
            return [_outcome(connection, work) for work in works]

    def _now(self) -> str:
        return timestamp(self._clock.now()) or ""


def _outcome(connection: sqlite3.Connection, work: _Work) -> _Outcome:
    connection.execute("SAVEPOINT one")
    try:
        result = work(connection)
    except AssetctlError as error:
        connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")
        return _raiser(error)
    connection.execute("RELEASE one")
    return lambda: result


def _raiser(error: AssetctlError) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail
