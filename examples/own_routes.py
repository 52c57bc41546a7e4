"""Routes of one's own; what they need of HTTP is in `spectra.codec`: python examples/own_routes.py"""

import signal

from flask import Flask, abort
from shop import PORT

from spectra import Caller, Spectra, SpectraError, codec

ME = Caller("accounting", actor="examples/own_routes.py")
REPORTS = {"answer": "select 42 as answer", "primes": "select unnest([2, 3, 5, 7]) as prime"}
spectra = Spectra.from_env()
app = Flask(__name__)


@app.get("/reports/<name>")
def read(name):
    """A small one, at once."""
    result = spectra.queries.run(ME, REPORTS.get(name) or abort(404))
    return codec.query_json(result), {"Content-Type": "application/json"}


@app.post("/reports/<name>")
def order(name):
    """A large one, as a job."""
    spec = codec.to_spec({"operation": "query", "query": REPORTS.get(name) or abort(404)})
    return codec.to_public(spectra.jobs.create(ME, spec, labels={"report": name}).job), 201


@app.get("/orders/<job_id>")
def look(job_id):
    return codec.to_public(spectra.jobs.get(ME, job_id))


@app.errorhandler(SpectraError)
def refuse(exc):
    return codec.error(exc), codec.http_status(exc), codec.http_headers(exc)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with spectra, spectra.worker().running():
        app.run(port=PORT)
