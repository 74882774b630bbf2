"""Every limit of the service, with its default and its reason."""

from __future__ import annotations

import ipaddress

from transduce.config import Config, require


class ServeConfig(Config, frozen=True, kw_only=True):
    """How a service listens and what it lets clients ask for. Sizes are in bytes, times in seconds."""

    host: str = "127.0.0.1"
    port: int = 5000  # LibreTranslate's, so that its clients find us; 0 takes a free one
    # Who may ask
    allowed_hosts: tuple[
        str, ...
    ] = ()  # names beside localhost that Host may carry (a page elsewhere could rebind DNS)
    origins: tuple[str, ...] = ()  # sites whose pages may call us (CORS)
    proxies: str = ""  # addresses whose X-Forwarded-For is believed, separated by commas
    rate: float = 50.0  # requests a second of one key, or of one address where there are no keys; 0: no limit
    burst: int = 200  # requests that may come at once before the rate counts
    # What one request may hold
    max_body: int = 2_000_000
    max_file: int = 10_000_000  # body of /translate_file
    max_text: int = 100_000  # characters of a request, all texts together
    max_texts: int = 1_000
    max_depth: int = 16  # of JSON
    max_header: int = 16_384
    max_beam: int = 20
    # Slow and many
    receive_timeout: float = 10.0  # for a request to arrive whole, counted from its first byte
    keep_alive: float = 15.0
    max_connections: int = 1_000
    # The queue
    max_requests: int = 512  # accepted and not answered yet
    max_characters: int = 1_000_000  # of these
    max_wait: float = 1.0  # expected time before a new request's first sentence is begun; beyond it: 503
    deadline: float = 60.0  # of a request that names none, and the longest that one may name
    file_deadline: float = 3_600.0  # of a file: a book takes its time, and lets all others through
    window: float = 0.003  # how long an idle worker waits for company of a sentence
    batch_tokens: int = 4_000  # sentences of a batch * beam * longest
    workers: int = 1
    threads: int = 0  # of each worker; 0: as many as are fastest, which is tried at the start
    drain: float = 25.0  # after SIGTERM, for what was accepted
    # Translated files
    file_space: int = 64_000_000
    file_seconds: float = 600.0
    log_text: bool = False  # texts of users in the log, for finding faults

    def __post_init__(self) -> None:
        for name in ("max_body", "max_file", "max_text", "max_texts", "max_depth", "max_beam", "max_connections",
                     "max_requests", "max_characters", "batch_tokens", "workers", "burst"):  # fmt: skip
            require(getattr(self, name) >= 1, f"--{_option(name)} must be at least 1; got {getattr(self, name)}.")
        require(self.max_header >= 256, f"--max-header must be at least 256 bytes; got {self.max_header}.")
        for name in ("receive_timeout", "keep_alive", "max_wait", "deadline", "file_deadline", "drain"):
            require(0 < getattr(self, name) <= 86_400, f"--{_option(name)} must be from 0 to 86,400 seconds.")
        require(self.rate >= 0, f"--rate cannot be negative; got {self.rate}.")
        require(0 <= self.window <= 1, f"--window must be from 0 to 1 second; got {self.window}.")
        require(0 <= self.port <= 65_535, f"--port must be from 0 to 65535; got {self.port}.")
        require(0 <= self.threads <= 1_024, f"--threads must be from 0 to 1024; got {self.threads}.")
        require("*" not in self.origins, "--origin *: every site's pages could then use this service; name the sites.")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _option(name: str) -> str:
    return name.replace("_", "-")
