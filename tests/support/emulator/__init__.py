"""An emulator of a Bitrix24 portal: a real HTTP server on loopback that speaks its REST protocol.

It is written from the documentation (public repository `bitrix24/b24restdocs`), not from the
loader, so that the two can disagree. No real portal was asked. What it follows, by page:

- `settings/how-to-call-rest-api/general-principles.md`, `data-encoding.md`: GET and POST (form and
  JSON), `/rest/<user>/<secret>/<method>[.json]`, PHP's names (`filter[>ID]=7`, `select[]=ID`);
- `settings/how-to-call-rest-api/list-methods-pecularities.md`, `settings/performance/huge-data.md`:
  pages of 50, `start`, `next`, `total`; `start=-1` counts nothing (`total` 0, no `next`), for
  calls and tasks too, as module source and the official SDK have it;
- `settings/how-to-call-rest-api/batch.md`: up to 50 calls, `halt`, `$result[call][field]`, and
  PHP's habit of writing an array with keys 0, 1, 2... (or without any) as a JSON list;
- `limits.md`: the leaky bucket, the time of a method in ten baskets, `operating_reset_at`, the 60
  seconds of a request, to which every counted row adds (in numbers alone: nobody waits);
- `_includes/system-errors.md`: codes, texts and HTTP statuses of errors;
- `api-reference/...`: one page for each list method, named in `methods.py`: what may be filtered,
  ordered and selected, where its rows lie, which values are numbers.

Where the documentation is silent the emulator is strict: an operator, a field of a filter or of an
order that no page allows is an error 400, though a real portal may well ignore it; and rows that
nobody ordered come in no useful order.

Left out: HTTPS, OAuth (`auth=`), XML, `multipart/form-data`, methods that write, rights of users,
`BINDINGS`, nested `logic` filters, compression.
"""

from emulator.faults import Fault, FaultPlan
from emulator.limits import Limits
from emulator.portal import CANARY, Portal
from emulator.server import Emulator, Request

__all__ = ["CANARY", "Emulator", "Fault", "FaultPlan", "Limits", "Portal", "Request"]
