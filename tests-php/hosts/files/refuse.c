// Runs a program that gets EPERM for these system calls, as under a container runtime with a profile that predates
// the calls: refuse statx,openat2 -- program arguments...

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; unsigned number; } known[] = {
    {"clone3", SYS_clone3}, {"close_range", SYS_close_range}, {"copy_file_range", SYS_copy_file_range},
    {"faccessat2", SYS_faccessat2}, {"fallocate", SYS_fallocate}, {"getrandom", SYS_getrandom}, {"madvise", SYS_madvise},
    {"memfd_create", SYS_memfd_create}, {"openat2", SYS_openat2}, {"renameat2", SYS_renameat2}, {"rseq", SYS_rseq},
    {"statx", SYS_statx},
};

int main(int count, char **words) {
    struct sock_filter filter[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned short length = 1;
    if (count < 4) return 2;
    for (char *name = strtok(words[1], ","); name; name = strtok(NULL, ",")) {
        size_t at = 0;
        while (at < sizeof known / sizeof *known && strcmp(known[at].name, name)) at++;
        if (at == sizeof known / sizeof *known) return fprintf(stderr, "refuse: no system call %s\n", name), 2;
        filter[length++] = (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, known[at].number, 0, 1);
        filter[length++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    }
    filter[length++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {length, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) return perror("refuse"), 2;
    execvp(words[3], words + 3);
    return perror(words[3]), 127;
}
