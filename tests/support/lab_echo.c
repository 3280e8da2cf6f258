// SPDX-License-Identifier: Apache-2.0
// The server that lab containers run: `lab_echo PORT [PORT...]` echoes TCP and UDP on every port,
// IPv6 socket with IPv4 mapped in, and says each peer on stderr, so that a container's log tells
// whether anything ever reached it. Static, no libc configuration needed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { kMaxSockets = 512, kBufferBytes = 65536 };

static struct pollfd sockets[kMaxSockets];
static char kinds[kMaxSockets];  // 'u' UDP, 'l' TCP listener, 't' TCP connection
static nfds_t count;

static void say_peer(const char* what, const struct sockaddr_in6* peer, int socket_fd) {
    char text[INET6_ADDRSTRLEN] = "?";
    struct sockaddr_in6 own = {0};
    socklen_t size = sizeof(own);
    getsockname(socket_fd, (struct sockaddr*)&own, &size);
    inet_ntop(AF_INET6, &peer->sin6_addr, text, sizeof(text));
    fprintf(stderr, "%s from %s to port %d\n", what, text, ntohs(own.sin6_port));
}

static void add(int fd, char kind) {
    if (fd < 0 || count == kMaxSockets) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    sockets[count] = (struct pollfd){.fd = fd, .events = POLLIN};
    kinds[count++] = kind;
}

static int open_socket(int type, int port) {
    int fd = socket(AF_INET6, type, 0);
    int off = 0, on = 1;
    struct sockaddr_in6 address = {.sin6_family = AF_INET6,
                                   .sin6_port = htons((unsigned short)port)};
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0 ||
        (type == SOCK_STREAM && listen(fd, 128) != 0)) {
        perror("lab_echo: bind");
        exit(1);
    }
    return fd;
}

static void accept_one(int listener) {
    struct sockaddr_in6 peer;
    socklen_t size = sizeof(peer);
    int fd = accept(listener, (struct sockaddr*)&peer, &size);
    if (fd >= 0) {
        say_peer("connection", &peer, fd);
        add(fd, 't');
    }
}

static void echo_datagram(int fd) {
    static char buffer[kBufferBytes];
    struct sockaddr_in6 peer;
    socklen_t size = sizeof(peer);
    ssize_t got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr*)&peer, &size);
    if (got >= 0) {
        say_peer("datagram", &peer, fd);
        (void)!sendto(fd, buffer, (size_t)got, 0, (struct sockaddr*)&peer, size);
    }
}

// False when the peer is done.
static int echo_stream(int fd) {
    static char buffer[kBufferBytes];
    ssize_t got = read(fd, buffer, sizeof(buffer));
    return got > 0 && write(fd, buffer, (size_t)got) == got;
}

static void serve(nfds_t at) {
    if (kinds[at] == 'l') {
        accept_one(sockets[at].fd);
    } else if (kinds[at] == 'u') {
        echo_datagram(sockets[at].fd);
    } else if (!echo_stream(sockets[at].fd)) {
        close(sockets[at].fd);
        sockets[at] = sockets[--count];
        kinds[at] = kinds[count];
    }
}

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
        add(open_socket(SOCK_STREAM, atoi(argv[i])), 'l');
        add(open_socket(SOCK_DGRAM, atoi(argv[i])), 'u');
    }
    fprintf(stderr, "ready\n");
    while (poll(sockets, count, -1) >= 0) {
        for (nfds_t i = count; i-- > 0;) {
            if (sockets[i].revents != 0) {
                serve(i);
            }
        }
    }
    return 1;
}
