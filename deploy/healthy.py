"""Tells whether a Docent answers on a port of this computer, for a container's health check.

    python deploy/healthy.py 7860

Exit code 0 where it does, whatever it answers to a stranger; 1 where it does not. With TLS the certificate is not
looked at: it is for another name than 127.0.0.1.
"""

import http.client
import ssl
import sys

_WAIT_S = 5.0


def answers(port: int) -> bool:
    """Whether something speaks HTTP there, with or without TLS, and has no defect."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    for connection in (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=_WAIT_S, context=unchecked),
        http.client.HTTPConnection("127.0.0.1", port, timeout=_WAIT_S),
    ):
        try:
            connection.request("GET", "/api/status")
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            continue
        finally:
            connection.close()
    return False


if __name__ == "__main__":
    sys.exit(0 if answers(int(sys.argv[1])) else 1)
