// http_listen.c -- opening listening sockets; see http_server.h.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/http_server.h"

#define BACKLOG 1024

struct place {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
  } address;
  socklen_t len;
};

static bool is_unix(struct slice address)
{
  return address.len > 5 && !memcmp(address.data, "unix:", 5);
}

static enum error_code unclear(struct slice text, struct error *err)
{
  return error_set(err, E_CONFIG,
                   "listen address '%.*s' is not understood; write "
                   "127.0.0.1:8080, [::1]:8080, :8080 or unix:/path",
                   SLICE_ARG(text));
}

static enum error_code failed(struct slice text, const char *what,
                              struct error *err)
{
  char reason[128] = "";
  int error = errno;
  const char *said = strerror_r(error, reason, sizeof(reason));
  const char *hint = "";
  if (error == EADDRINUSE) hint = "; another process listens there";
  if (error == EEXIST) hint = " and is no socket; choose another path";
  if (error == EACCES && !is_unix(text)) hint = "; choose a port from 1024 on";
  if (error == EADDRNOTAVAIL) hint = "; this machine has no such address";
  return error_set(err, E_CONFIG, "cannot %s %.*s: %s%s", what, SLICE_ARG(text),
                   said, hint);
}

// --- TCP ---

static bool parse_port(struct slice s, in_port_t *port)
{
  unsigned n = 0;
  if (s.len == 0 || s.len > 5) return false;
  for (size_t i = 0; i < s.len; i++) {
    if (s.data[i] < '0' || s.data[i] > '9') return false;
    n = n * 10 + (unsigned)(s.data[i] - '0');
  }
  *port = htons((uint16_t)n);
  return n <= 65535;
}

static bool parse_v4(const char *host, in_port_t port, struct place *place)
{
  struct sockaddr_in *v4 = &place->address.v4;
  *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = port};
  place->len = sizeof(*v4);
  return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

static bool parse_v6(const char *host, in_port_t port, struct place *place)
{
  struct sockaddr_in6 *v6 = &place->address.v6;
  *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = port};
  place->len = sizeof(*v6);
  return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static bool parse_tcp(struct slice text, struct place *place)
{
  char host[INET6_ADDRSTRLEN + 2];
  in_port_t port;
  size_t colon = text.len;
  while (colon > 0 && text.data[colon - 1] != ':')
    colon--;
  if (colon == 0 || colon > sizeof(host)) return false;
  struct slice number = {text.data + colon, text.len - colon};
  if (!parse_port(number, &port)) return false;
  size_t len = colon - 1;
  memcpy(host, text.data, len);
  host[len] = '\0';
  if (len == 0 || !strcmp(host, "localhost"))
    return parse_v4("127.0.0.1", port, place);
  if (host[0] != '[') return parse_v4(host, port, place);
  if (host[len - 1] != ']') return false;
  host[len - 1] = '\0';
  return parse_v6(host + 1, port, place);
}

// TCP_NODELAY is inherited by what is accepted: one call less per connection.
static bool set_options(int fd, int family)
{
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
    return false;
  return family != AF_INET6 ||
         !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
}

// --- unix ---

static bool parse_unix(struct slice path, struct place *place)
{
  struct sockaddr_un *un = &place->address.un;
  *un = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (path.len == 0 || path.len >= sizeof(un->sun_path)) return false;
  if (memchr(path.data, '\0', path.len)) return false;
  memcpy(un->sun_path, path.data, path.len);
  place->len = sizeof(*un);
  return true;
}

// Nobody listens behind a dead socket file.
static bool is_dead(const struct place *place)
{
  struct stat st;
  if (lstat(place->address.un.sun_path, &st) || !S_ISSOCK(st.st_mode))
    return false;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool dead = connect(fd, &place->address.any, place->len) != 0 &&
              errno == ECONNREFUSED;
  close(fd);
  return dead;
}

static bool is_no_socket(const char *path)
{
  struct stat st;
  return !lstat(path, &st) && !S_ISSOCK(st.st_mode);
}

static bool bind_unix(int fd, const struct place *place)
{
  const char *path = place->address.un.sun_path;
  fchmod(fd, 0660); // before it has a name, so it is never more open than that
  if (bind(fd, &place->address.any, place->len)) {
    if (errno != EADDRINUSE) return false;
    if (!is_dead(place)) {
      errno = is_no_socket(path) ? EEXIST : EADDRINUSE;
      return false;
    }
    unlink(path);
    if (bind(fd, &place->address.any, place->len)) return false;
  }
  return !chmod(path, 0660); // whatever the umask has taken away
}

// --- both ---

static bool open_place(int fd, const struct place *place)
{
  int family = place->address.any.sa_family;
  if (family == AF_UNIX) {
    if (!bind_unix(fd, place)) return false;
  } else if (!set_options(fd, family) ||
             bind(fd, &place->address.any, place->len)) {
    return false;
  }
  return !listen(fd, BACKLOG);
}

enum error_code http_listen(struct slice address, int *fd, struct error *err)
{
  struct place place = {0};
  bool good =
      is_unix(address)
          ? parse_unix((struct slice){address.data + 5, address.len - 5},
                       &place)
          : parse_tcp(address, &place);
  if (!good) return unclear(address, err);
  *fd = socket(place.address.any.sa_family,
               SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (*fd < 0) return failed(address, "open a socket for", err);
  if (open_place(*fd, &place)) return OK;
  enum error_code code = failed(address, "listen on", err);
  close(*fd);
  *fd = -1;
  return code;
}

// Binds as one who shares with nobody; the socket is closed at once.
static bool is_alone(const struct place *place)
{
  int on = 1, family = place->address.any.sa_family;
  int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool alone = !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6)
    alone &= !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  alone = alone && !bind(fd, &place->address.any, place->len);
  int why = errno;
  close(fd);
  errno = why;
  return alone;
}

enum error_code http_listen_probe(struct slice address, struct error *err)
{
  struct place place = {0};
  if (is_unix(address)) return OK;
  if (!parse_tcp(address, &place)) return unclear(address, err);
  return is_alone(&place) ? OK : failed(address, "listen on", err);
}

void http_listener_name(int fd, char *out, size_t size)
{
  struct place place = {0};
  char host[INET6_ADDRSTRLEN] = "";
  place.len = sizeof(place.address);
  if (getsockname(fd, &place.address.any, &place.len)) {
    snprintf(out, size, "?");
  } else if (place.address.any.sa_family == AF_INET) {
    const struct sockaddr_in *v4 = &place.address.v4;
    inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
    snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
  } else if (place.address.any.sa_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = &place.address.v6;
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
    snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
  } else {
    snprintf(out, size, "unix:%s", place.address.un.sun_path);
  }
}
