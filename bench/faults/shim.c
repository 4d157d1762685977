/* The shim: stands between the service and the C library, and does nothing until it is told to.
 *
 * Records what changes the file system below a folder, or refuses calls there with an error, as a failing disk does.
 * The C library's own stream functions go past it; `cuts.py` proves that a recording lacks nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, SYNC, SYMLINK };
enum { R_OPEN = 1, R_CREATE = 2, R_READ = 4, R_WRITE = 8, R_SYNC = 16, R_NAME = 32, R_UNLINK = 64, R_MKDIR = 128,
       R_STAT = 256, R_LIST = 512 };

struct entry {
    uint32_t op, first_bytes, second_bytes, data_bytes;
    uint64_t inode;
    int64_t offset;
};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char below[PATH_MAX];
static size_t below_bytes;
static int journal = -1;
static int refusal, kinds;
static long first_call, last_call, calls, refused;

/* Record everything below a folder into a descriptor; -1 ends it. */
void nearset_record(const char *folder, int descriptor) {
    below_bytes = strlen(strcpy(below, folder));
    journal = descriptor;
}

/* Refuse calls of these kinds below a folder with an error, from the `first`-th on, `count` of them; error 0 counts only. */
void nearset_refuse(const char *folder, int error, int which, long first, long count) {
    below_bytes = strlen(strcpy(below, folder));
    refusal = error, kinds = which, first_call = first, last_call = first + count - 1, calls = 0, refused = 0;
}

long nearset_calls(void) { return calls; }
long nearset_refused(void) { return refused; }

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int is_on(void) { return journal >= 0 || kinds; }

static int is_below(const char *path) {
    return below_bytes && !strncmp(path, below, below_bytes) && (path[below_bytes] == '/' || !path[below_bytes]);
}

static const char *path_of(int descriptor, char *room) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_MAX - 1);
    room[count < 0 ? 0 : count] = 0;
    return room;
}

static const char *whole(int folder, const char *path, char *room) {
    if (path[0] == '/') return strncpy(room, path, PATH_MAX - 1);
    if (folder == AT_FDCWD) syscall(SYS_getcwd, room, PATH_MAX);
    else path_of(folder, room);
    size_t used = strlen(room);
    snprintf(room + used, PATH_MAX - used, "/%s", path);
    return room;
}

/* Return whether a call is refused, with errno set. */
static int refuses(int kind, const char *path) {
    if (!(kinds & kind) || !is_below(path)) return 0;
    long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (!refusal || number < first_call || number > last_call) return 0;
    __atomic_add_fetch(&refused, 1, __ATOMIC_SEQ_CST);
    errno = refusal;
    return 1;
}

static int refuses_descriptor(int kind, int descriptor) {
    char room[PATH_MAX];
    return (kinds & kind) && refuses(kind, path_of(descriptor, room));
}

static void put(const void *bytes, size_t count) {
    while (count) {
        ssize_t done = syscall(SYS_write, journal, bytes, count);
        if (done <= 0) abort();
        bytes = (const char *)bytes + done, count -= done;
    }
}

static void note(int op, const char *first, const char *second, const void *data, size_t bytes, uint64_t inode, int64_t offset) {
    struct entry entry = {op, strlen(first), strlen(second), bytes, inode, offset};
    int before = errno;
    put(&entry, sizeof entry), put(first, entry.first_bytes), put(second, entry.second_bytes), put(data, bytes);
    errno = before;
}

static uint64_t inode_of(int descriptor) {
    struct stat seen;
    return fstat(descriptor, &seen) ? 0 : seen.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat seen;
    return fstatat(AT_FDCWD, path, &seen, AT_SYMLINK_NOFOLLOW) ? 0 : seen.st_ino;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char room[PATH_MAX] = "";
    if (!is_on()) return syscall(SYS_openat, folder, path, flags, mode);
    whole(folder, path, room);
    int changes = flags & (O_CREAT | O_TRUNC) || (flags & O_ACCMODE) != O_RDONLY;
    if (refuses(changes ? R_CREATE : R_OPEN, room)) return -1;
    pthread_mutex_lock(&lock);
    int is_new = journal >= 0 && flags & O_CREAT && is_below(room) && !inode_at(room);
    int descriptor = syscall(SYS_openat, folder, path, flags, mode);
    if (descriptor >= 0 && journal >= 0 && is_below(room)) {
        if (is_new) note(CREATE, room, "", "", 0, inode_of(descriptor), 0);
        else if (flags & O_TRUNC) note(TRUNCATE, room, "", "", 0, inode_of(descriptor), 0);
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); \
    mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags | O_LARGEFILE, mode); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

static int is_recorded(int descriptor) {
    char room[PATH_MAX];
    return journal >= 0 && descriptor != journal && is_below(path_of(descriptor, room));
}

static ssize_t written(int descriptor, const struct iovec *parts, int count, int64_t offset) {
    if (refuses_descriptor(R_WRITE, descriptor)) return -1;
    int recorded = is_recorded(descriptor);
    if (recorded) pthread_mutex_lock(&lock);
    ssize_t done = offset < 0 ? syscall(SYS_writev, descriptor, parts, count)
                              : syscall(SYS_pwritev, descriptor, parts, count, (long)offset, 0L);
    if (recorded && done > 0) {
        int64_t at = offset < 0 ? syscall(SYS_lseek, descriptor, 0L, SEEK_CUR) - done : offset;
        uint64_t inode = inode_of(descriptor);
        ssize_t left = done;
        for (int part = 0; left > 0; part++) {
            ssize_t bytes = (ssize_t)parts[part].iov_len < left ? (ssize_t)parts[part].iov_len : left;
            note(WRITE, "", "", parts[part].iov_base, bytes, inode, at);
            at += bytes, left -= bytes;
        }
    }
    if (recorded) pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int descriptor, const void *data, size_t bytes) {
    if (!is_on()) return syscall(SYS_write, descriptor, data, bytes);
    struct iovec part = {(void *)data, bytes};
    return written(descriptor, &part, 1, -1);
}
ssize_t pwrite(int descriptor, const void *data, size_t bytes, off_t offset) {
    struct iovec part = {(void *)data, bytes};
    return written(descriptor, &part, 1, offset);
}
ssize_t pwrite64(int descriptor, const void *data, size_t bytes, off64_t offset) { return pwrite(descriptor, data, bytes, offset); }
ssize_t writev(int descriptor, const struct iovec *parts, int count) { return written(descriptor, parts, count, -1); }
ssize_t pwritev(int descriptor, const struct iovec *parts, int count, off_t offset) { return written(descriptor, parts, count, offset); }
ssize_t pwritev64(int descriptor, const struct iovec *parts, int count, off64_t offset) { return written(descriptor, parts, count, offset); }

ssize_t read(int descriptor, void *data, size_t bytes) {
    return refuses_descriptor(R_READ, descriptor) ? -1 : syscall(SYS_read, descriptor, data, bytes);
}
ssize_t pread(int descriptor, void *data, size_t bytes, off_t offset) {
    return refuses_descriptor(R_READ, descriptor) ? -1 : syscall(SYS_pread64, descriptor, data, bytes, offset);
}
ssize_t pread64(int descriptor, void *data, size_t bytes, off64_t offset) { return pread(descriptor, data, bytes, offset); }
ssize_t preadv(int descriptor, const struct iovec *parts, int count, off_t offset) {
    return refuses_descriptor(R_READ, descriptor) ? -1 : syscall(SYS_preadv, descriptor, parts, count, (long)offset, 0L);
}
ssize_t preadv64(int descriptor, const struct iovec *parts, int count, off64_t offset) { return preadv(descriptor, parts, count, offset); }
ssize_t preadv2(int descriptor, const struct iovec *parts, int count, off_t offset, int flags) { (void)flags; return preadv(descriptor, parts, count, offset); }
ssize_t preadv64v2(int descriptor, const struct iovec *parts, int count, off64_t offset, int flags) { (void)flags; return preadv(descriptor, parts, count, offset); }

/* Copies within the kernel are declined, so that they are made of reads and writes. */
ssize_t copy_file_range(int in, off64_t *at, int out, off64_t *to, size_t bytes, unsigned flags) {
    if (is_on()) { errno = ENOSYS; return -1; }
    return syscall(SYS_copy_file_range, in, at, out, to, bytes, flags);
}
ssize_t sendfile(int out, int in, off_t *at, size_t bytes) {
    if (is_on()) { errno = EINVAL; return -1; }
    return syscall(SYS_sendfile, out, in, at, bytes);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t bytes) { return sendfile(out, in, at, bytes); }

int ftruncate(int descriptor, off_t bytes) {
    if (refuses_descriptor(R_WRITE, descriptor)) return -1;
    int code = syscall(SYS_ftruncate, descriptor, bytes);
    if (!code && is_recorded(descriptor)) note(TRUNCATE, "", "", "", 0, inode_of(descriptor), bytes);
    return code;
}
int ftruncate64(int descriptor, off64_t bytes) { return ftruncate(descriptor, bytes); }
/* Room taken in advance counts as a write of nothing: it may refuse, and what reads as zeros is on no disk. */
int posix_fallocate(int descriptor, off_t offset, off_t bytes) {
    REAL(posix_fallocate);
    if (refuses_descriptor(R_WRITE, descriptor)) return errno;
    return is_recorded(descriptor) ? EOPNOTSUPP : real(descriptor, offset, bytes);
}
int fallocate(int descriptor, int mode, off_t offset, off_t bytes) {
    if (refuses_descriptor(R_WRITE, descriptor)) return -1;
    if (is_recorded(descriptor)) { errno = EOPNOTSUPP; return -1; }
    return syscall(SYS_fallocate, descriptor, mode, offset, bytes);
}
int fallocate64(int descriptor, int mode, off64_t offset, off64_t bytes) { return fallocate(descriptor, mode, offset, bytes); }

static int flushed(int descriptor, int only_data) {
    if (refuses_descriptor(R_SYNC, descriptor)) return -1;
    int recorded = is_recorded(descriptor);
    if (recorded) pthread_mutex_lock(&lock);
    int code = syscall(only_data ? SYS_fdatasync : SYS_fsync, descriptor);
    char room[PATH_MAX];
    struct stat seen;
    if (recorded && !code && !fstat(descriptor, &seen))
        note(SYNC, path_of(descriptor, room), "", "", 0, seen.st_ino, S_ISDIR(seen.st_mode));
    if (recorded) pthread_mutex_unlock(&lock);
    return code;
}
int fsync(int descriptor) { return flushed(descriptor, 0); }
int fdatasync(int descriptor) { return flushed(descriptor, 1); }

/* Make a system call that changes names: of `first`, and of `second` where that is not empty. */
static int named(int op, const char *first, const char *second, long call, long a, long b, long c, long d, long e) {
    int kind = op == UNLINK ? R_UNLINK : op == MKDIR ? R_MKDIR : R_NAME;
    if (refuses(kind, first) || (*second && !is_below(first) && refuses(kind, second))) return -1;
    pthread_mutex_lock(&lock);
    int code = syscall(call, a, b, c, d, e);
    if (!code && journal >= 0 && is_below(*second ? second : first))
        note(op, first, second, "", 0, op == MKDIR ? inode_at(first) : 0, 0);
    pthread_mutex_unlock(&lock);
    return code;
}

int renameat2(int from, const char *a, int to, const char *b, unsigned flags) {
    char first[PATH_MAX] = "", second[PATH_MAX] = "";
    return named(RENAME, whole(from, a, first), whole(to, b, second), SYS_renameat2, from, (long)a, to, (long)b, flags);
}
int renameat(int from, const char *a, int to, const char *b) { return renameat2(from, a, to, b, 0); }
int rename(const char *a, const char *b) { return renameat2(AT_FDCWD, a, AT_FDCWD, b, 0); }
int linkat(int from, const char *a, int to, const char *b, int flags) {
    char first[PATH_MAX] = "", second[PATH_MAX] = "";
    return named(LINK, whole(from, a, first), whole(to, b, second), SYS_linkat, from, (long)a, to, (long)b, flags);
}
int link(const char *a, const char *b) { return linkat(AT_FDCWD, a, AT_FDCWD, b, 0); }
int unlinkat(int folder, const char *a, int flags) {
    char first[PATH_MAX] = "";
    return named(UNLINK, whole(folder, a, first), "", SYS_unlinkat, folder, (long)a, flags, 0, 0);
}
int unlink(const char *a) { return unlinkat(AT_FDCWD, a, 0); }
int rmdir(const char *a) { return unlinkat(AT_FDCWD, a, AT_REMOVEDIR); }
int remove(const char *a) { return !unlink(a) ? 0 : errno == EISDIR || errno == EPERM ? rmdir(a) : -1; }
int mkdirat(int folder, const char *a, mode_t mode) {
    char first[PATH_MAX] = "";
    return named(MKDIR, whole(folder, a, first), "", SYS_mkdirat, folder, (long)a, mode, 0, 0);
}
int mkdir(const char *a, mode_t mode) { return mkdirat(AT_FDCWD, a, mode); }
int symlinkat(const char *target, int folder, const char *a) {
    char room[PATH_MAX] = "";
    if (!is_on()) return syscall(SYS_symlinkat, target, folder, a);
    whole(folder, a, room);
    if (refuses(R_NAME, room)) return -1;
    int code = syscall(SYS_symlinkat, target, folder, a);
    if (!code && journal >= 0 && is_below(room)) note(SYMLINK, room, target, "", 0, inode_at(room), 0);
    return code;
}
int symlink(const char *target, const char *a) { return symlinkat(target, AT_FDCWD, a); }

static int looks(int folder, const char *path) {
    char room[PATH_MAX] = "";
    return (kinds & R_STAT) && refuses(R_STAT, whole(folder, path, room));
}
#define STAT(name, type) \
    int name(const char *path, struct type *seen) { REAL(name); return looks(AT_FDCWD, path) ? -1 : real(path, seen); }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)
int fstatat(int folder, const char *path, struct stat *seen, int flags) {
    REAL(fstatat);
    return looks(folder, path) ? -1 : real(folder, path, seen, flags);
}
int fstatat64(int folder, const char *path, struct stat64 *seen, int flags) {
    REAL(fstatat64);
    return looks(folder, path) ? -1 : real(folder, path, seen, flags);
}
DIR *opendir(const char *path) {
    char room[PATH_MAX] = "";
    REAL(opendir);
    return (kinds & R_LIST) && refuses(R_LIST, whole(AT_FDCWD, path, room)) ? NULL : real(path);
}
struct dirent64 *readdir64(DIR *listing) {
    REAL(readdir64);
    return refuses_descriptor(R_LIST, dirfd(listing)) ? NULL : real(listing);
}
struct dirent *readdir(DIR *listing) {
    REAL(readdir);
    return refuses_descriptor(R_LIST, dirfd(listing)) ? NULL : real(listing);
}
