"""nginx in front of an edge: https and wss towards browsers, http and ws towards us."""

from pathlib import Path

from harness.network import free_port
from harness.process import Process, Stoppable, wait_until

_CONFIG = """\
daemon off;
master_process off;
pid {place}/nginx.pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy; fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  server {{
    listen {host}:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{
      proxy_pass http://127.0.0.1:{target};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout {read_timeout};
    }}
  }}
}}
"""


class Nginx(Stoppable):
    """One nginx, which can be stopped (every connection through it dies) and started again on the same port."""

    def __init__(self, place: Path, host: str, target: int, state: Path, read_timeout: str = "1h") -> None:
        """`target` is an edge's WS port; `state` has a certificate. It closes what is quiet for `read_timeout`."""
        self.host, self.port = host, free_port()
        self._place = place
        place.mkdir(parents=True)
        (place / "nginx.conf").write_text(
            _CONFIG.format(
                place=place,
                host=host,
                port=self.port,
                target=target,
                read_timeout=read_timeout,
                certificate=state / "certificate.pem",
                key=state / "certificate.key",
            )
        )
        self.start()

    @property
    def url(self) -> str:
        """Where pages connect to."""
        return f"wss://{self.host}:{self.port}/"

    def start(self) -> None:
        argv = ["/usr/sbin/nginx", "-p", str(self._place), "-c", "nginx.conf"]
        self.process = Process(argv, self._place / "log")
        opened = f":{self.port:04X} "
        assert wait_until(lambda: opened in Path("/proc/thread-self/net/tcp").read_text()), self.process.text

    def stop(self) -> None:
        self.process.stop()
