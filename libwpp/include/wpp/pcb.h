/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * PCB records: everything a kernel knows of a process besides its pages, as a
 * stream of typed, versioned, length-checked records (FORMAT.md 7).
 *
 * One record = a 24-byte header, then fields of 8 bytes each, then a tail of
 * bytes. Each record names its task (0: shared by tasks); objects that tasks
 * share (open file descriptions, memory objects) have an id of their own and
 * are stored once, so a stream can hold a tree of processes.
 *
 * A reader that knows fewer fields ignores the rest, one that knows more sees zeros. What it does
 * not understand (an unknown type, a later version of one) it leaves out, and refuses when the
 * record carries WPP_REC_MUST.
 */
#ifndef WPP_PCB_H
#define WPP_PCB_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_REC_FIELDS_MAX 32
#define WPP_REC_TAIL_MAX   (16u << 20)
#define WPP_REC_MUST	   (1u << 0) /* flags: a reader that doesn't know the type must refuse */
#define WPP_REC_MAY	   0u /* not so: it is left out, and the process is right all the same */

/*
 * The types: X(CODE, VERSION, MUST or MAY, STREAM, name, NAME, "task", "id", "tail").
 * Codes are for ever; a new one goes to the end of its block. VERSION is the revision of what the
 * type means, 1 at first: it is raised when a reader of the former one would misunderstand, and
 * stays when a field is added that may be ignored. The encoder sets both: no writer can forget
 * them. docs/FORMAT.md has these tables word for word (tests/format).
 */
/* clang-format off */
#define WPP_REC_TYPES(X) \
	X(0x0001, 1, MUST, PCB, machine,    MACHINE,    "0", "0", "kernel release, text") \
	X(0x0002, 1, MUST, PCB, process,    PROCESS,    "pid", "0", "name (comm), text") \
	X(0x0003, 1, MUST, PCB, mm,         MM,         "pid", "0", "auxiliary vector: pairs of le64, the last one 0, 0") \
	X(0x0004, 1, MUST, PCB, exe,        EXE,        "pid", "0", "path of the program") \
	X(0x0005, 1, MUST, PCB, vdso,       VDSO,       "pid", "0", "build-id of the vdso; empty: it has none") \
	X(0x0006, 1, MUST, PCB, cwd,        CWD,        "pid", "0", "path of the working directory") \
	X(0x0007, 1, MUST, PCB, root,       ROOT,       "pid", "0", "path of the root directory") \
	X(0x0008, 1, MUST, PCB, cred,       CRED,       "tid", "0", "supplementary groups, le32 each") \
	X(0x0009, 1, MUST, PCB, rlimit,     RLIMIT,     "pid", "resource, RLIMIT_*", "none") \
	X(0x000a, 1, MAY,  PCB, loss,       LOSS,       "pid", "0", "text: the note's name, a colon, what was let go") \
	X(0x0010, 1, MUST, PCB, thread,     THREAD,     "tid", "0", "name (comm), text") \
	X(0x0011, 1, MUST, PCB, regs,       REGS,       "tid", "architecture, as machine.arch", "general registers, layout by machine") \
	X(0x0012, 1, MUST, PCB, xsave,      XSAVE,      "tid", "0", "XSAVE area, layout by machine") \
	X(0x0013, 1, MUST, PCB, sched,      SCHED,      "tid", "0", "CPUs that it may run on, bit n of byte n / 8; empty: all") \
	X(0x0020, 1, MUST, PCB, sigaction,  SIGACTION,  "pid", "signal, 1 .. 64", "none") \
	X(0x0021, 1, MUST, PCB, sigpending, SIGPENDING, "pid or tid", "position in its queue, from 0", "siginfo, 128 bytes") \
	X(0x0022, 1, MUST, PCB, itimer,     ITIMER,     "pid", "which: 0 real, 1 virtual, 2 prof", "none") \
	X(0x0023, 1, MUST, PCB, timer,      TIMER,      "pid", "POSIX timer id, 0 .. 2^31 - 1; ascending in the stream", "none") \
	X(0x0030, 1, MUST, PCB, fd,         FD,         "pid", "descriptor number, 0 .. 2^31 - 1", "none") \
	X(0x0031, 1, MUST, PCB, ofd,        OFD,        "0", "open file, from 1", "path, or what /proc/PID/fd shows") \
	X(0x0032, 1, MUST, PCB, lock,       LOCK,       "0", "open file", "none") \
	X(0x0040, 1, MUST, PCB, pipe,       PIPE,       "0", "pipe, from 1", "packet lengths, le32 each, then the bytes in it") \
	X(0x0041, 1, MUST, PCB, socket,     SOCKET,     "0", "open file", "local address, peer's address, directory") \
	X(0x0042, 1, MUST, PCB, sockopt,    SOCKOPT,    "0", "open file", "value, as setsockopt() takes it") \
	X(0x0043, 1, MUST, PCB, eventfd,    EVENTFD,    "0", "open file", "none") \
	X(0x0044, 1, MUST, PCB, timerfd,    TIMERFD,    "0", "open file", "none") \
	X(0x0045, 1, MUST, PCB, signalfd,   SIGNALFD,   "0", "open file", "none") \
	X(0x0046, 1, MUST, PCB, epitem,     EPITEM,     "0", "open file of the epoll set", "none") \
	X(0x0047, 1, MUST, PCB, inotify,    INOTIFY,    "0", "open file of the inotify instance", "path of what is watched") \
	X(0x0048, 1, MUST, PCB, sockmsg,    SOCKMSG,    "0", "open file of the receiver", "bytes of the message") \
	X(0x0049, 1, MUST, PCB, tty,        TTY,        "0", "open file", "termios2, 44 bytes") \
	X(0x0050, 1, MUST, PCB, memobj,     MEMOBJ,     "0", "memory object, from 1", "name: a path, or what /proc/PID/maps shows") \
	X(0x0060, 1, MUST, REGIONS, region, REGION,     "pid", "start address", "path; empty: anonymous") \
	X(0x0061, 1, MUST, PCB, guard,      GUARD,      "pid", "start address", "none")

/* Fields: F(name, format, "meaning"), 8 bytes each; D: decimal, signed; H: hexadecimal. */
#define WPP_FIELDS_machine(F) \
	F(arch, D, "instruction set: 1 x86-64") \
	F(page_size, D, "bytes of a page of the process: 4096") \
	F(xcr0, H, "x86-64: XCR0, the processor state that its threads may use") \
	F(xsave_len, D, "bytes of an XSAVE tail") \
	F(realtime_ns, D, "CLOCK_REALTIME of the machine, ns since 1970") \
	F(monotonic_ns, D, "CLOCK_MONOTONIC as the process saw it, ns") \
	F(boottime_ns, D, "CLOCK_BOOTTIME as the process saw it, ns") \
	F(boot_id_hi, H, "the kernel's boot id, first 8 bytes as a big-endian number; 0, 0: not known") \
	F(boot_id_lo, H, "the kernel's boot id, last 8 bytes as a big-endian number")
#define WPP_FIELDS_process(F) \
	F(pid, D, "process id, 1 .. 2^31 - 1: the record's task") \
	F(ppid, D, "process id of its parent; of no process of the image: it is the root") \
	F(pgid, D, "process group id") \
	F(sid, D, "session id") \
	F(space, D, "page space of its address space, 2 .. 0x3ffff; nobody else's") \
	F(umask, H, "file mode creation mask, 0 .. 0777") \
	F(dumpable, D, "PR_GET_DUMPABLE: 0, 1 or 2") \
	F(personality, H, "personality(), PER_* and flags") \
	F(no_new_privs, D, "0 or 1") \
	F(thp_disable, D, "PR_GET_THP_DISABLE: 0 or 1") \
	F(child_subreaper, D, "PR_GET_CHILD_SUBREAPER: 0 or 1") \
	F(exit_signal, D, "signal that its parent gets when it ends; 0: none") \
	F(oom_score_adj, D, "-1000 .. 1000") \
	F(nr_threads, D, "number of its THREAD records, from 1") \
	F(tty, D, "device number of its terminal as in /proc/PID/stat; 0: none") \
	F(coredump_filter, H, "bits of /proc/PID/coredump_filter") \
	F(mdwe, H, "PR_GET_MDWE: PR_MDWE_* bits") \
	F(memory_merge, D, "PR_GET_MEMORY_MERGE: 0 or 1") \
	F(stopped, D, "signal that has stopped it; 0: it runs")
#define WPP_FIELDS_mm(F) \
	F(start_code, H, "address") \
	F(end_code, H, "address") \
	F(start_data, H, "address") \
	F(end_data, H, "address") \
	F(start_brk, H, "address: where the heap begins") \
	F(brk, H, "address: where the heap ends now") \
	F(start_stack, H, "address: the stack pointer at its start") \
	F(arg_start, H, "address of the arguments") \
	F(arg_end, H, "address behind the arguments") \
	F(env_start, H, "address of the environment") \
	F(env_end, H, "address behind the environment")
#define WPP_FIELDS_exe(F) \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number") \
	F(size, D, "bytes") \
	F(mtime_ns, D, "time of last change, ns since 1970")
#define WPP_FIELDS_vdso(F) \
	F(vdso, H, "address of the vdso; 0: it has none") \
	F(vdso_len, D, "bytes") \
	F(vvar, H, "address of its data (vvar)") \
	F(vvar_len, D, "bytes")
#define WPP_FIELDS_cwd(F) \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number") \
	F(deleted, D, "1: the directory has no name any more; path: its last one")
#define WPP_FIELDS_root(F) \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number")
#define WPP_FIELDS_cred(F) \
	F(uid, D, "user id: real") \
	F(euid, D, "user id: effective") \
	F(suid, D, "user id: saved") \
	F(fsuid, D, "user id: for files") \
	F(gid, D, "group id: real") \
	F(egid, D, "group id: effective") \
	F(sgid, D, "group id: saved") \
	F(fsgid, D, "group id: for files") \
	F(cap_inh, H, "capabilities: inheritable, bit CAP_*") \
	F(cap_prm, H, "capabilities: permitted") \
	F(cap_eff, H, "capabilities: effective") \
	F(cap_bnd, H, "capabilities: bounding set") \
	F(cap_amb, H, "capabilities: ambient") \
	F(securebits, H, "SECBIT_* bits") \
	F(keep_caps, D, "SECBIT_KEEP_CAPS is set: 0 or 1")
#define WPP_FIELDS_rlimit(F) \
	F(cur, D, "soft limit, in the unit of the resource; 2^64 - 1: none") \
	F(max, D, "hard limit, the same")
#define WPP_FIELDS_loss(F) \
	F(fd, D, "shall be 0")
#define WPP_FIELDS_thread(F) \
	F(sigmask, H, "blocked signals, bit n - 1 for signal n") \
	F(clear_tid, H, "address of set_tid_address(); 0: none") \
	F(robust_list, H, "address of the head of robust futexes; 0: none") \
	F(robust_len, D, "bytes of that head, as set_robust_list() takes it") \
	F(rseq, H, "address of struct rseq; 0: not registered") \
	F(rseq_len, D, "bytes that rseq() was told") \
	F(rseq_flags, H, "flags that rseq() was told") \
	F(rseq_sig, H, "signature that rseq() was told") \
	F(alt_sp, H, "address of the alternate signal stack") \
	F(alt_size, D, "bytes of it") \
	F(alt_flags, H, "SS_* flags: 1 it runs on it, 2 there is none") \
	F(pdeath_signal, D, "signal when its parent ends; 0: none") \
	F(syscall, D, "number of the system call that it was in; -1: none") \
	F(restart, D, "how that call goes on, a value below; 0: it is over or there was none") \
	F(tgid, D, "pid of its process; 0, in early images: the only process")
#define WPP_FIELDS_regs(F) \
	F(fs_base, H, "address: base of fs") \
	F(gs_base, H, "address: base of gs")
#define WPP_FIELDS_xsave(F) \
	F(xcr0, H, "XCR0 of the machine, as in the tail")
#define WPP_FIELDS_sched(F) \
	F(policy, D, "SCHED_*: 0 other, 1 FIFO, 2 RR, 3 batch, 5 idle, 6 deadline") \
	F(priority, D, "of FIFO and RR, 1 .. 99; else 0") \
	F(nice, D, "-20 .. 19") \
	F(ioprio, H, "ioprio_get(): class in bits 13 .. 15, level in 0 .. 12") \
	F(timer_slack_ns, D, "PR_GET_TIMERSLACK, ns") \
	F(flags, H, "SCHED_FLAG_* bits") \
	F(runtime_ns, D, "of deadline, ns") \
	F(deadline_ns, D, "of deadline, ns") \
	F(period_ns, D, "of deadline, ns") \
	F(mce_kill, D, "PR_MCE_KILL_GET: 0 late, 1 early, 2 default")
#define WPP_FIELDS_sigaction(F) \
	F(handler, H, "address; 0: default, 1: ignored") \
	F(flags, H, "SA_* bits") \
	F(restorer, H, "address that the handler returns to") \
	F(mask, H, "signals blocked meanwhile, bit n - 1 for signal n")
#define WPP_FIELDS_sigpending(F) \
	F(shared, D, "1: for the process, 0: for the thread") \
	F(signo, D, "signal, 1 .. 64") \
	F(order, D, "position in its queue, as the id")
#define WPP_FIELDS_itimer(F) \
	F(value_us, D, "time left, microseconds; 0: not armed") \
	F(interval_us, D, "microseconds; 0: once")
#define WPP_FIELDS_timer(F) \
	F(clock, D, "clock id, CLOCK_* or of a process or thread; may be negative") \
	F(notify, H, "SIGEV_*: 0 signal, 1 none, 4 signal to a thread") \
	F(signo, D, "signal, 1 .. 64") \
	F(sigval, H, "value that comes with the signal") \
	F(tid, D, "thread, when notify is 4") \
	F(value_ns, D, "time left, ns; 0: not armed") \
	F(interval_ns, D, "ns; 0: once") \
	F(overrun, D, "timer_getoverrun()")
#define WPP_FIELDS_fd(F) \
	F(ofd, D, "id of its open file (OFD)") \
	F(cloexec, D, "FD_CLOEXEC: 0 or 1")
#define WPP_FIELDS_ofd(F) \
	F(kind, D, "a value below") \
	F(flags, H, "open(2) flags, O_*, without O_CLOEXEC") \
	F(pos, D, "position, bytes") \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number") \
	F(mode, H, "type and permissions, as stat(2)") \
	F(size, D, "bytes, as stat(2)") \
	F(mtime_ns, D, "time of last change, ns since 1970") \
	F(nlink, D, "names, as stat(2)") \
	F(rdev, H, "device number of a device") \
	F(object, D, "memory object (kind 13) or pipe (kinds 5, 6); else 0") \
	F(owner, D, "F_GETOWN_EX: who gets SIGIO; 0: nobody") \
	F(owner_type, D, "F_OWNER_*: 0 thread, 1 process, 2 group") \
	F(sig, D, "F_GETSIG: the signal instead of SIGIO; 0: SIGIO") \
	F(aux, D, "of the kind, see below")
#define WPP_FIELDS_lock(F) \
	F(kind, D, "a value below") \
	F(type, D, "0 shared (F_RDLCK), 1 exclusive (F_WRLCK)") \
	F(start, D, "first byte; of flock: 0") \
	F(len, D, "bytes; 0: to the end, however far that is") \
	F(fd, D, "lowest descriptor number of the open file") \
	F(pid, D, "of kind 2: the process; 0, in early images: the only process")
#define WPP_FIELDS_pipe(F) \
	F(capacity, D, "bytes, F_GETPIPE_SZ") \
	F(packets, D, "lengths in the tail; 0: a stream of bytes") \
	F(len, D, "bytes in it: tail without lengths")
#define WPP_FIELDS_socket(F) \
	F(family, D, "AF_*: 1 unix, 2 inet, 10 inet6, 16 netlink") \
	F(type, D, "SOCK_*: 1 stream, 2 datagram, 3 raw, 5 seqpacket") \
	F(protocol, D, "SO_PROTOCOL") \
	F(state, D, "a value below") \
	F(backlog, D, "of listen(2), when state is 2") \
	F(shutdown, D, "bits: 1 no more reading, 2 no more writing") \
	F(peer, D, "open file of the peer, when state is 5; 0: it is closed") \
	F(ino, D, "inode number that it had") \
	F(local_len, D, "bytes of the local address in the tail, 0 .. 128") \
	F(peer_len, D, "bytes of the peer's address in the tail, 0 .. 128") \
	F(mode, H, "of the file that a unix socket is bound to: type and permissions") \
	F(uid, D, "of that file: user id") \
	F(gid, D, "of that file: group id") \
	F(nlink, D, "of that file: names; 0: it was removed, or there is none")
#define WPP_FIELDS_sockopt(F) \
	F(level, D, "SOL_* or IPPROTO_*") \
	F(name, D, "option number")
#define WPP_FIELDS_eventfd(F) \
	F(count, D, "0 .. 2^64 - 1") \
	F(flags, H, "bit 0: semaphore")
#define WPP_FIELDS_timerfd(F) \
	F(clock, D, "CLOCK_*") \
	F(ticks, D, "expirations that were not read yet") \
	F(settime_flags, H, "TFD_TIMER_*: bit 0 absolute, bit 1 cancel on set") \
	F(value_ns, D, "time left, ns; absolute on CLOCK_REALTIME or its alarm: that time; 0: not armed") \
	F(interval_ns, D, "ns; 0: once")
#define WPP_FIELDS_signalfd(F) \
	F(mask, H, "signals, bit n - 1 for signal n")
#define WPP_FIELDS_epitem(F) \
	F(fd, D, "descriptor number under which it was added") \
	F(ofd, D, "id of the open file that is watched") \
	F(events, H, "EPOLL* bits; of a one-shot item that has fired: only the upper ones") \
	F(data, H, "the program's value")
#define WPP_FIELDS_inotify(F) \
	F(wd, D, "watch number, from 1") \
	F(mask, H, "IN_* bits") \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number")
#define WPP_FIELDS_sockmsg(F) \
	F(order, D, "position in the queue, from 0") \
	F(fds, D, "descriptors that come with it: shall be 0")
#define WPP_FIELDS_tty(F) \
	F(rows, D, "of the window; 0: not known") \
	F(cols, D, "of the window; 0: not known")
#define WPP_FIELDS_memobj(F) \
	F(kind, D, "a value below") \
	F(size, D, "bytes; pages that the image lacks are zeros") \
	F(space, D, "page space of its bytes, 2 .. 0x3ffff; nobody else's") \
	F(dev, H, "device number, as stat(2)") \
	F(ino, D, "inode number") \
	F(mode, H, "type and permissions, as stat(2)") \
	F(seals, H, "F_GET_SEALS: F_SEAL_* bits") \
	F(uid, D, "user id of its owner") \
	F(gid, D, "group id of its owner") \
	F(flags, H, "shall be 0") \
	F(nlink, D, "names, as stat(2)")
#define WPP_FIELDS_region(F) \
	F(start, H, "address, a multiple of 4096: the record's id") \
	F(len, D, "bytes, a multiple of 4096, from 4096") \
	F(prot, H, "PROT_*: bit 0 read, 1 write, 2 execute") \
	F(flags, H, "MAP_*: bit 0 shared, 1 private, 5 anonymous, 8 grows down, 14 no reserve") \
	F(kind, D, "a value below") \
	F(file_off, D, "offset of its first byte in the file, bytes") \
	F(dev, H, "of a file: device number, as stat(2)") \
	F(ino, D, "of a file: inode number") \
	F(size, D, "of a file: bytes") \
	F(mtime_ns, D, "of a file: time of last change, ns since 1970") \
	F(object, D, "memory object, when kind is 4; else 0") \
	F(object_off, D, "offset of its first byte in the memory object, bytes") \
	F(advice, H, "bits below") \
	F(aux, H, "of kind 1: what it is used for, a value below")
#define WPP_FIELDS_guard(F) \
	F(start, H, "address, a multiple of 4096: the record's id") \
	F(len, D, "bytes, a multiple of 4096")

/* Values: V(NAME, VALUE, "meaning"). */
#define WPP_REGION_KINDS(V) \
	V(ANON, 1, "private anonymous, heap and stack too: pages in the process' space") \
	V(FILE, 2, "private file mapping: the pages in the process' space are what differs from the file") \
	V(SHFILE, 3, "shared file mapping: the file has the bytes") \
	V(MEMOBJ, 4, "mapping of a memory object; a private one has pages of its own in the process' space") \
	V(SPECIAL, 5, "vdso, vvar: of the kernel; of the vdso there are pages, for another kernel")
#define WPP_REGION_ADVICE(V) \
	V(DONTFORK, 1u << 0, "MADV_DONTFORK") \
	V(WIPEONFORK, 1u << 1, "MADV_WIPEONFORK") \
	V(DONTDUMP, 1u << 2, "MADV_DONTDUMP") \
	V(MERGEABLE, 1u << 3, "MADV_MERGEABLE") \
	V(HUGEPAGE, 1u << 4, "MADV_HUGEPAGE") \
	V(NOHUGEPAGE, 1u << 5, "MADV_NOHUGEPAGE") \
	V(SEQUENTIAL, 1u << 6, "MADV_SEQUENTIAL") \
	V(RANDOM, 1u << 7, "MADV_RANDOM") \
	V(LOCKED, 1u << 8, "mlock()") \
	V(LOCKONFAULT, 1u << 9, "mlock2(MLOCK_ONFAULT)") \
	V(SEALED, 1u << 10, "mseal()") \
	V(MAYWRITE, 1u << 11, "mprotect() may make it writable")
#define WPP_REGION_USES(V) \
	V(NONE, 0, "any") \
	V(HEAP, 1, "heap (brk)") \
	V(STACK, 2, "stack of the first thread")
#define WPP_MEMOBJ_KINDS(V) \
	V(MEMFD, 1, "memfd_create()") \
	V(SHANON, 2, "shared anonymous memory") \
	V(SHMFS, 3, "a file on tmpfs (POSIX shared memory), with or without a name") \
	V(DELETED, 4, "a file of another filesystem that has no name any more") \
	V(SYSV, 5, "System V shared memory (not written yet)")
#define WPP_OFD_KINDS(V) \
	V(REG, 1, "regular file with a name; aux 1: of /proc, /sys or the like, without size and time") \
	V(DIR, 2, "directory; aux as REG") \
	V(CHR, 3, "/dev/null, zero, full, random or urandom, by rdev") \
	V(TTY, 4, "terminal; settings: TTY") \
	V(PIPE, 5, "pipe; object: PIPE; aux 1: the other end was closed") \
	V(FIFO, 6, "FIFO with a name; object and aux as PIPE") \
	V(SOCKET, 7, "socket: SOCKET, SOCKOPT, SOCKMSG") \
	V(EVENTFD, 8, "eventfd: EVENTFD") \
	V(TIMERFD, 9, "timerfd: TIMERFD") \
	V(SIGNALFD, 10, "signalfd: SIGNALFD") \
	V(EPOLL, 11, "epoll set: EPITEM") \
	V(INOTIFY, 12, "inotify instance: INOTIFY") \
	V(MEMOBJ, 13, "memfd, tmpfs or nameless file whose bytes are in the image; object: MEMOBJ") \
	V(PATH, 14, "O_PATH; aux as REG") \
	V(PIDFD, 15, "pidfd of the process itself") \
	V(STDIO, 16, "standard stream of the starter, given anew at recreation; aux: 0, 1 or 2")
#define WPP_OFD_AUX(V) \
	V(PSEUDO, 1, "of REG, DIR, PATH: a file of /proc, /sys or the like") \
	V(DEAD, 1, "of PIPE, FIFO: the other end was closed")
#define WPP_LOCK_KINDS(V) \
	V(FLOCK, 1, "flock(2), of the open file") \
	V(POSIX, 2, "fcntl(F_SETLK), of the process") \
	V(OFD, 3, "fcntl(F_OFD_SETLK), of the open file")
#define WPP_SOCKET_STATES(V) \
	V(PLAIN, 1, "perhaps bound, perhaps connected without a handshake") \
	V(LISTEN, 2, "listens") \
	V(RESET, 3, "was connected to somebody outside: reset, the error not seen yet") \
	V(DEAD, 4, "the connection was over already") \
	V(PAIR, 5, "connected to the open file `peer`; 0: that is closed")
#define WPP_RESTARTS(V) \
	V(NONE, 0, "not at all: the registers hold its result, or there was no call") \
	V(SYS, 512, "again; EINTR when a handler without SA_RESTART runs first (ERESTARTSYS)") \
	V(NOINTR, 513, "again (ERESTARTNOINTR)") \
	V(NOHAND, 514, "again; EINTR when any handler runs first (ERESTARTNOHAND)")
/* clang-format on */

#define X(code, version, must, stream, name, NAME, task, id, tail) WPP_REC_##NAME = code,
enum wpp_rec_code { WPP_REC_TYPES(X) };
#undef X

/* struct wpp_rec_process and so on: one uint64_t a field. Signed values are two's complement. */
#define WPP_FIELD_MEMBER(field, format, text) uint64_t field;
#define X(code, version, must, stream, name, NAME, task, id, tail) \
	struct wpp_rec_##name {                                    \
		WPP_FIELDS_##name(WPP_FIELD_MEMBER)                \
	};
WPP_REC_TYPES(X)
#undef X

#define WPP_ARCH_X86_64 1

#define WPP_ROW(NAME, value, text) WPP_REGION_##NAME = value,
/** enum wpp_region_kind - wpp_rec_region.kind */
enum wpp_region_kind { WPP_REGION_KINDS(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_ADVICE_##NAME = value,
/** enum wpp_region_advice - wpp_rec_region.advice */
enum wpp_region_advice { WPP_REGION_ADVICE(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_USE_##NAME = value,
/** enum wpp_region_use - wpp_rec_region.aux of WPP_REGION_ANON */
enum wpp_region_use { WPP_REGION_USES(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_MEMOBJ_##NAME = value,
/** enum wpp_memobj_kind - wpp_rec_memobj.kind */
enum wpp_memobj_kind { WPP_MEMOBJ_KINDS(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_OFD_##NAME = value,
/** enum wpp_ofd_kind - wpp_rec_ofd.kind */
enum wpp_ofd_kind { WPP_OFD_KINDS(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_AUX_##NAME = value,
/** enum wpp_ofd_aux - wpp_rec_ofd.aux */
enum wpp_ofd_aux { WPP_OFD_AUX(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_LOCK_##NAME = value,
/** enum wpp_lock_kind - wpp_rec_lock.kind */
enum wpp_lock_kind { WPP_LOCK_KINDS(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_SOCKET_##NAME = value,
/** enum wpp_socket_state - wpp_rec_socket.state */
enum wpp_socket_state { WPP_SOCKET_STATES(WPP_ROW) };
#undef WPP_ROW
#define WPP_ROW(NAME, value, text) WPP_RESTART_##NAME = value,
/** enum wpp_restart - wpp_rec_thread.restart */
enum wpp_restart { WPP_RESTARTS(WPP_ROW) };
#undef WPP_ROW

/**
 * struct wpp_rec - one record, decoded
 * @type:      enum wpp_rec_code, or one of a later version.
 * @version:   of the type's meaning.
 * @nr_fields: fields that the record has, each 8 bytes.
 * @flags:     WPP_REC_MUST.
 * @task:      process or thread that it is about; 0: shared.
 * @tail_len:  bytes of @tail.
 * @id:        what the type says.
 * @fields:    leads into the stream; read by wpp_rec_get().
 * @tail:      leads into the stream.
 */
struct wpp_rec {
	uint16_t type;
	uint16_t version;
	uint16_t nr_fields;
	uint16_t flags;
	uint32_t task;
	uint32_t tail_len;
	uint64_t id;
	const uint8_t *fields;
	const uint8_t *tail;
};

/**
 * wpp_rec_size() - bytes a record takes in a stream
 * @nr_fields: 0 .. WPP_REC_FIELDS_MAX.
 * @tail_len:  bytes, 0 .. WPP_REC_TAIL_MAX.
 *
 * Context: any; no state.
 * Return:  bytes, a multiple of 8.
 * Source:  FORMAT.md 7.1.
 */
WPP_API size_t wpp_rec_size(uint32_t nr_fields, uint32_t tail_len);

/**
 * wpp_rec_put() - encode a record
 * @buf:    out, [@cap] bytes, any alignment.
 * @cap:    bytes; wpp_rec_size() tells how many it takes.
 * @rec:    in: type, flags, task, id, nr_fields and tail_len count; fields and version are ignored;
 *          tail may be NULL when tail_len is 0.
 * @fields: in, [rec->nr_fields] native values: a struct wpp_rec_X.
 *
 * The version, and WPP_REC_MUST where it is due, come from the schema of the type.
 * Context: any; no state; no allocation.
 * Return:  bytes written; WPP_EINVAL (too many fields, tail too long), WPP_ENOSPC: nothing was
 *          written.
 * Source:  FORMAT.md 7.1.
 */
WPP_API WPP_MUST_CHECK int64_t wpp_rec_put(void *buf, size_t cap, const struct wpp_rec *rec,
					   const uint64_t *fields);

/**
 * wpp_rec_next() - decode the record at *@pos and advance
 * @buf: in, [@len] bytes of a stream, any alignment; hostile.
 * @len: bytes.
 * @pos: in/out, bytes from @buf; start with 0. Behind an error: where the broken record begins.
 * @rec: out; borrows from @buf. After WPP_EFORMAT its type, version, task and id count.
 *
 * Records of a later version that may be left out are passed over; those of an unknown type that
 * may be left out are returned.
 * Context: any; no state; no allocation.
 * Return:  0; WPP_ENOENT at the end; WPP_ECORRUPT (lengths); WPP_EFORMAT (a type or version that is
 *          not known and must be).
 * Source:  FORMAT.md 7.2; invariant I6.
 */
WPP_API WPP_MUST_CHECK int wpp_rec_next(const void *buf, size_t len, size_t *pos,
					struct wpp_rec *rec);

/**
 * wpp_rec_get() - the fields of a record in native form
 * @rec:    in: from wpp_rec_next(); its stream is still there.
 * @fields: out, [@nr]: a struct wpp_rec_X; fields that the record lacks become 0.
 * @nr:     WPP_REC_NR() of the struct.
 *
 * Context: any; no state; no allocation.
 * Source:  FORMAT.md 7.1.
 */
WPP_API void wpp_rec_get(const struct wpp_rec *rec, uint64_t *fields, uint32_t nr);

#define WPP_REC_NR(s) ((uint32_t)(sizeof(s) / sizeof(uint64_t)))

/**
 * struct wpp_rec_field - a field of a type; static
 * @name:   as in struct wpp_rec_X.
 * @format: 'D' decimal (signed), 'H' hexadecimal.
 * @text:   unit, range, meaning.
 */
struct wpp_rec_field {
	const char *name;
	char format;
	const char *text;
};

/**
 * struct wpp_rec_schema - a type; the library's tables, static
 * @type:      enum wpp_rec_code.
 * @version:   revision of its meaning that the library knows.
 * @flags:     WPP_REC_MUST, or 0.
 * @stream:    enum wpp_stream: where it is.
 * @nr_fields: length of @fields.
 * @name:      of the type, in small letters.
 * @task:      what the record's task is.
 * @id:        what its id is.
 * @tail:      what its tail is.
 * @fields:    [@nr_fields], in order.
 */
struct wpp_rec_schema {
	uint16_t type;
	uint16_t version;
	uint16_t flags;
	uint16_t stream;
	uint16_t nr_fields;
	const char *name;
	const char *task, *id, *tail;
	const struct wpp_rec_field *fields;
};

/**
 * wpp_rec_schema() - what is known of a type
 * @type: its code.
 *
 * Context: any; no state.
 * Return:  static; NULL when the type is not known.
 * Source:  FORMAT.md 9.
 */
WPP_API const struct wpp_rec_schema *wpp_rec_schema(uint16_t type);

/**
 * wpp_rec_name() - the name of a type, for messages
 * @type: its code.
 *
 * Context: any; no state.
 * Return:  static; "unknown", never NULL.
 * Source:  FORMAT.md 9.
 */
WPP_API const char *wpp_rec_name(uint16_t type);

WPP_END_DECLS
#endif
