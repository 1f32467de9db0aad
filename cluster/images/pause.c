// SPDX-License-Identifier: Apache-2.0
// What keeps a pod's namespaces: it waits for its end, and reaps what it adopts.
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void stop(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, NULL, WNOHANG) > 0) {} }

int main(void) {
    struct sigaction stopping = {0}, reaping = {0};
    stopping.sa_handler = stop;
    reaping.sa_handler = reap;
    sigaction(SIGINT, &stopping, NULL);
    sigaction(SIGTERM, &stopping, NULL);
    sigaction(SIGCHLD, &reaping, NULL);
    for (;;) pause();
}
