/* The first process of a sandbox, of a node and of a router in the lab.
 *
 * It holds namespaces open, reaps what is orphaned to it (a container's shim, for one, outlives whoever
 * started it) and leaves at SIGTERM or SIGINT. As process 1 of a PID namespace it would ignore both unless it
 * asked for them, and its end takes every other process of that namespace along.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal) {
  (void)signal;
  _exit(0);
}

static void reap(int signal) {
  (void)signal;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

int main(void) {
  signal(SIGTERM, leave);
  signal(SIGINT, leave);
  signal(SIGCHLD, reap);
  for (;;) {
    pause();
  }
}
