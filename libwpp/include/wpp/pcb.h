/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * PCB records: everything a kernel knows of a process besides its pages, as a
 * stream of typed, versioned, length-checked records (FORMAT.md 5).
 *
 * One record = a 24-byte header, then fields of 8 bytes each, then a tail of
 * bytes. Each record names its task (0: shared by tasks); objects that tasks
 * share (open file descriptions, memory objects) have an id of their own and
 * are stored once, so a stream can hold a tree of processes.
 *
 * A reader that knows fewer fields ignores the rest, one that knows more sees
 * zeros; a record of an unknown type is skipped unless it carries WPP_REC_MUST.
 */
#ifndef WPP_PCB_H
#define WPP_PCB_H

#include <wpp/error.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

#define WPP_REC_FIELDS_MAX 32
#define WPP_REC_TAIL_MAX   (16u << 20)
#define WPP_REC_MUST	   (1u << 0) /* flags: a reader that doesn't know the type must refuse */

/*
 * The types. X(CODE, name, NAME, "task is / id is / tail is").
 * Codes are for ever; a new one goes to the end of its block.
 */
/* clang-format off */
#define WPP_REC_TYPES(X)                                                                             \
	X(0x0001, machine,   MACHINE,   "task 0; tail: kernel release")                              \
	X(0x0002, process,   PROCESS,   "task pid; tail: comm")                                      \
	X(0x0003, mm,        MM,        "task pid; tail: auxv")                                      \
	X(0x0004, exe,       EXE,       "task pid; tail: path")                                      \
	X(0x0005, vdso,      VDSO,      "task pid; tail: build-id")                                  \
	X(0x0006, cwd,       CWD,       "task pid; tail: path")                                      \
	X(0x0007, root,      ROOT,      "task pid; tail: path")                                      \
	X(0x0008, cred,      CRED,      "task tid; tail: le32 supplementary groups")                 \
	X(0x0009, rlimit,    RLIMIT,    "task pid; id resource")                                     \
	X(0x000a, loss,      LOSS,      "task pid; what was let go; tail: text")                     \
	X(0x0010, thread,    THREAD,    "task tid; tail: comm")                                      \
	X(0x0011, regs,      REGS,      "task tid; id architecture; tail: general registers, le64")  \
	X(0x0012, xsave,     XSAVE,     "task tid; tail: XSAVE area")                                \
	X(0x0013, sched,     SCHED,     "task tid; tail: affinity mask")                             \
	X(0x0020, sigaction, SIGACTION, "task pid; id signal number")                                \
	X(0x0021, sigpending, SIGPENDING, "task pid or tid; tail: siginfo, 128 bytes")               \
	X(0x0022, itimer,    ITIMER,    "task pid; id which")                                        \
	X(0x0023, timer,     TIMER,     "task pid; id POSIX timer id")                               \
	X(0x0030, fd,        FD,        "task pid; id file descriptor number")                       \
	X(0x0031, ofd,       OFD,       "id open file description; tail: path")                      \
	X(0x0032, lock,      LOCK,      "id open file description; a file lock")                     \
	X(0x0040, pipe,      PIPE,      "id pipe; tail: contents")                                   \
	X(0x0041, socket,    SOCKET,    "id open file description; tail: local and peer address, directory")             \
	X(0x0042, sockopt,   SOCKOPT,   "id open file description; tail: option value")              \
	X(0x0043, eventfd,   EVENTFD,   "id open file description")                                  \
	X(0x0044, timerfd,   TIMERFD,   "id open file description")                                  \
	X(0x0045, signalfd,  SIGNALFD,  "id open file description")                                  \
	X(0x0046, epitem,    EPITEM,    "id open file description of the epoll")                     \
	X(0x0047, inotify,   INOTIFY,   "id open file description; a watch; tail: path")             \
	X(0x0048, sockmsg,   SOCKMSG,   "id open file description; queued message; tail: bytes")     \
	X(0x0049, tty,       TTY,       "id open file description; tail: struct termios2 of Linux")  \
	X(0x0050, memobj,    MEMOBJ,    "id memory object; tail: name")                              \
	X(0x0060, region,    REGION,    "task pid; id start address; tail: path")                    \
	X(0x0061, guard,     GUARD,     "task pid; id start address; pages of MADV_GUARD_INSTALL")

/* Fields of each type, 8 bytes each: F(name, format), format one of D (decimal), H (hex). */
#define WPP_FIELDS_machine(F)                                                                        \
	F(arch, D) F(page_size, D) F(xcr0, H) F(xsave_len, D) F(realtime_ns, D) F(monotonic_ns, D)   \
	F(boottime_ns, D) F(boot_id_hi, H) F(boot_id_lo, H)
#define WPP_FIELDS_process(F)                                                                        \
	F(pid, D) F(ppid, D) F(pgid, D) F(sid, D) F(space, D) F(umask, H) F(dumpable, D)             \
	F(personality, H) F(no_new_privs, D) F(thp_disable, D) F(child_subreaper, D)                 \
	F(exit_signal, D) F(oom_score_adj, D) F(nr_threads, D) F(tty, D) F(coredump_filter, H)       \
	F(mdwe, H) F(memory_merge, D) F(stopped, D)
#define WPP_FIELDS_mm(F)                                                                             \
	F(start_code, H) F(end_code, H) F(start_data, H) F(end_data, H) F(start_brk, H) F(brk, H)    \
	F(start_stack, H) F(arg_start, H) F(arg_end, H) F(env_start, H) F(env_end, H)
#define WPP_FIELDS_exe(F) F(dev, H) F(ino, D) F(size, D) F(mtime_ns, D)
#define WPP_FIELDS_vdso(F) F(vdso, H) F(vdso_len, D) F(vvar, H) F(vvar_len, D)
#define WPP_FIELDS_cwd(F) F(dev, H) F(ino, D) F(deleted, D)
#define WPP_FIELDS_root(F) F(dev, H) F(ino, D)
#define WPP_FIELDS_cred(F)                                                                           \
	F(uid, D) F(euid, D) F(suid, D) F(fsuid, D) F(gid, D) F(egid, D) F(sgid, D) F(fsgid, D)      \
	F(cap_inh, H) F(cap_prm, H) F(cap_eff, H) F(cap_bnd, H) F(cap_amb, H) F(securebits, H)       \
	F(keep_caps, D)
#define WPP_FIELDS_rlimit(F) F(cur, D) F(max, D)
#define WPP_FIELDS_loss(F) F(fd, D)
#define WPP_FIELDS_thread(F)                                                                         \
	F(sigmask, H) F(clear_tid, H) F(robust_list, H) F(robust_len, D) F(rseq, H) F(rseq_len, D)   \
	F(rseq_flags, H) F(rseq_sig, H) F(alt_sp, H) F(alt_size, D) F(alt_flags, H)                  \
	F(pdeath_signal, D) F(syscall, D) F(restart, D) F(tgid, D)
#define WPP_FIELDS_regs(F) F(fs_base, H) F(gs_base, H)
#define WPP_FIELDS_xsave(F) F(xcr0, H)
#define WPP_FIELDS_sched(F)                                                                          \
	F(policy, D) F(priority, D) F(nice, D) F(ioprio, H) F(timer_slack_ns, D) F(flags, H)         \
	F(runtime_ns, D) F(deadline_ns, D) F(period_ns, D) F(mce_kill, D)
#define WPP_FIELDS_sigaction(F) F(handler, H) F(flags, H) F(restorer, H) F(mask, H)
#define WPP_FIELDS_sigpending(F) F(shared, D) F(signo, D) F(order, D)
#define WPP_FIELDS_itimer(F) F(value_us, D) F(interval_us, D)
#define WPP_FIELDS_timer(F)                                                                          \
	F(clock, D) F(notify, H) F(signo, D) F(sigval, H) F(tid, D) F(value_ns, D)                   \
	F(interval_ns, D) F(overrun, D)
#define WPP_FIELDS_fd(F) F(ofd, D) F(cloexec, D)
#define WPP_FIELDS_ofd(F)                                                                            \
	F(kind, D) F(flags, H) F(pos, D) F(dev, H) F(ino, D) F(mode, H) F(size, D) F(mtime_ns, D)    \
	F(nlink, D) F(rdev, H) F(object, D) F(owner, D) F(owner_type, D) F(sig, D) F(aux, D)
#define WPP_FIELDS_lock(F) F(kind, D) F(type, D) F(start, D) F(len, D) F(fd, D)
#define WPP_FIELDS_pipe(F) F(capacity, D) F(packets, D) F(len, D)
#define WPP_FIELDS_socket(F)                                                                         \
	F(family, D) F(type, D) F(protocol, D) F(state, D) F(backlog, D) F(shutdown, D) F(peer, D)   \
	F(ino, D) F(local_len, D) F(peer_len, D) F(mode, H) F(uid, D) F(gid, D) F(nlink, D)
#define WPP_FIELDS_sockopt(F) F(level, D) F(name, D)
#define WPP_FIELDS_eventfd(F) F(count, D) F(flags, H)
#define WPP_FIELDS_timerfd(F)                                                                        \
	F(clock, D) F(ticks, D) F(settime_flags, H) F(value_ns, D) F(interval_ns, D)
#define WPP_FIELDS_signalfd(F) F(mask, H)
#define WPP_FIELDS_epitem(F) F(fd, D) F(ofd, D) F(events, H) F(data, H)
#define WPP_FIELDS_inotify(F) F(wd, D) F(mask, H) F(dev, H) F(ino, D)
#define WPP_FIELDS_sockmsg(F) F(order, D) F(fds, D)
#define WPP_FIELDS_tty(F) F(rows, D) F(cols, D)
#define WPP_FIELDS_memobj(F)                                                                         \
	F(kind, D) F(size, D) F(space, D) F(dev, H) F(ino, D) F(mode, H) F(seals, H) F(uid, D)       \
	F(gid, D) F(flags, H) F(nlink, D)
#define WPP_FIELDS_region(F)                                                                         \
	F(start, H) F(len, D) F(prot, H) F(flags, H) F(kind, D) F(file_off, D) F(dev, H) F(ino, D)   \
	F(size, D) F(mtime_ns, D) F(object, D) F(object_off, D) F(advice, H) F(aux, H)
#define WPP_FIELDS_guard(F) F(start, H) F(len, D)
/* clang-format on */

enum wpp_rec_code {
#define X(code, name, NAME, text) WPP_REC_##NAME = code,
	WPP_REC_TYPES(X)
#undef X
};

/* struct wpp_rec_process and so on: one uint64_t a field. Signed values are two's complement. */
#define WPP_FIELD_MEMBER(field, format) uint64_t field;
#define X(code, name, NAME, text)                   \
	struct wpp_rec_##name {                     \
		WPP_FIELDS_##name(WPP_FIELD_MEMBER) \
	};
WPP_REC_TYPES(X)
#undef X

#define WPP_ARCH_X86_64 1

/**
 * enum wpp_region_kind - wpp_rec_region.kind: what is mapped
 */
enum wpp_region_kind {
	WPP_REGION_ANON = 1,	/* private anonymous, brk and stack included (aux: which) */
	WPP_REGION_FILE = 2,	/* private file mapping: pages are what differs from the file */
	WPP_REGION_SHFILE = 3,	/* shared file mapping: the file holds the bytes */
	WPP_REGION_MEMOBJ = 4,	/* memory object, shared or private with pages of its own */
	WPP_REGION_SPECIAL = 5, /* vdso, vvar: of the kernel */
};

/**
 * enum wpp_region_advice - wpp_rec_region.advice: what madvise(), mlock() and mseal() have set
 */
enum wpp_region_advice {
	WPP_ADVICE_DONTFORK = 1u << 0,	  /* MADV_DONTFORK */
	WPP_ADVICE_WIPEONFORK = 1u << 1,  /* MADV_WIPEONFORK */
	WPP_ADVICE_DONTDUMP = 1u << 2,	  /* MADV_DONTDUMP */
	WPP_ADVICE_MERGEABLE = 1u << 3,	  /* MADV_MERGEABLE */
	WPP_ADVICE_HUGEPAGE = 1u << 4,	  /* MADV_HUGEPAGE */
	WPP_ADVICE_NOHUGEPAGE = 1u << 5,  /* MADV_NOHUGEPAGE */
	WPP_ADVICE_SEQUENTIAL = 1u << 6,  /* MADV_SEQUENTIAL */
	WPP_ADVICE_RANDOM = 1u << 7,	  /* MADV_RANDOM */
	WPP_ADVICE_LOCKED = 1u << 8,	  /* mlock() */
	WPP_ADVICE_LOCKONFAULT = 1u << 9, /* mlock2() with MLOCK_ONFAULT */
	WPP_ADVICE_SEALED = 1u << 10,	  /* mseal() */
	WPP_ADVICE_MAYWRITE = 1u << 11,	  /* mprotect() may make it writable */
};

/**
 * enum wpp_region_use - wpp_rec_region.aux of WPP_REGION_ANON: what the kernel calls it
 */
enum wpp_region_use {
	WPP_USE_NONE = 0,  /* nothing */
	WPP_USE_HEAP = 1,  /* [heap], what brk() moves */
	WPP_USE_STACK = 2, /* [stack] of the first thread */
};

/**
 * enum wpp_memobj_kind - wpp_rec_memobj.kind: what shared memory is
 */
enum wpp_memobj_kind {
	WPP_MEMOBJ_MEMFD = 1,	/* memfd_create() */
	WPP_MEMOBJ_SHANON = 2,	/* shared anonymous memory */
	WPP_MEMOBJ_SHMFS = 3,	/* a file on tmpfs (POSIX shm), linked or deleted */
	WPP_MEMOBJ_DELETED = 4, /* a deleted file of a disk filesystem */
	WPP_MEMOBJ_SYSV = 5,	/* shmget() */
};

/**
 * enum wpp_ofd_kind - wpp_rec_ofd.kind: what a descriptor leads to
 */
enum wpp_ofd_kind {
	WPP_OFD_REG = 1,       /* regular file */
	WPP_OFD_DIR = 2,       /* directory */
	WPP_OFD_CHR = 3,       /* character device */
	WPP_OFD_TTY = 4,       /* terminal */
	WPP_OFD_PIPE = 5,      /* pipe */
	WPP_OFD_FIFO = 6,      /* named pipe */
	WPP_OFD_SOCKET = 7,    /* socket */
	WPP_OFD_EVENTFD = 8,   /* eventfd() */
	WPP_OFD_TIMERFD = 9,   /* timerfd_create() */
	WPP_OFD_SIGNALFD = 10, /* signalfd() */
	WPP_OFD_EPOLL = 11,    /* epoll_create() */
	WPP_OFD_INOTIFY = 12,  /* inotify_init() */
	WPP_OFD_MEMOBJ = 13,   /* memfd, tmpfs or deleted file whose bytes are in the image */
	WPP_OFD_PATH = 14,     /* O_PATH */
	WPP_OFD_PIDFD = 15,    /* pidfd_open(), of the process itself */
	WPP_OFD_STDIO = 16,    /* standard stream of the starter: given anew at recreation */
};

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
 * Source:  FORMAT.md, records.
 */
WPP_API size_t wpp_rec_size(uint32_t nr_fields, uint32_t tail_len);

/**
 * wpp_rec_put() - encode a record
 * @buf:    out, [@cap] bytes, any alignment.
 * @cap:    bytes; wpp_rec_size() tells how many it takes.
 * @rec:    in: type, flags, task, id, nr_fields and tail_len count; version is set by the library;
 *          fields is ignored; tail may be NULL when tail_len is 0.
 * @fields: in, [rec->nr_fields] native values: a struct wpp_rec_X.
 *
 * Context: any; no state; no allocation.
 * Return:  bytes written; WPP_EINVAL (too many fields, tail too long), WPP_ENOSPC: nothing was
 *          written.
 * Source:  FORMAT.md, records.
 */
WPP_API WPP_MUST_CHECK int64_t wpp_rec_put(void *buf, size_t cap, const struct wpp_rec *rec,
					   const uint64_t *fields);

/**
 * wpp_rec_next() - decode the record at *@pos and advance
 * @buf: in, [@len] bytes of a stream, any alignment; hostile.
 * @len: bytes.
 * @pos: in/out, bytes from @buf; start with 0. Unchanged behind an error.
 * @rec: out; its pointers lead into @buf. Undefined behind an error.
 *
 * Context: any; no state; no allocation.
 * Return:  0; WPP_ENOENT at the end; WPP_ECORRUPT: lengths that don't fit; WPP_EFORMAT: a type or
 *          version that we don't know and that must be understood.
 * Source:  FORMAT.md, records; invariant I6.
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
 * Source:  FORMAT.md, records.
 */
WPP_API void wpp_rec_get(const struct wpp_rec *rec, uint64_t *fields, uint32_t nr);

#define WPP_REC_NR(s) ((uint32_t)(sizeof(s) / sizeof(uint64_t)))

/**
 * struct wpp_rec_field - a field, for printing
 * @name:   as in struct wpp_rec_X.
 * @format: 'D' decimal (signed), 'H' hex.
 */
struct wpp_rec_field {
	const char *name;
	char format;
};

/**
 * struct wpp_rec_schema - a type, for printing
 * @type:      its code.
 * @nr_fields: entries of @fields.
 * @name:      as in struct wpp_rec_X.
 * @text:      what task, id and tail are.
 * @fields:    in order.
 */
struct wpp_rec_schema {
	uint16_t type;
	uint16_t nr_fields;
	const char *name;
	const char *text;
	const struct wpp_rec_field *fields;
};

/**
 * wpp_rec_schema() - what is known of a type
 * @type: its code.
 *
 * Context: any; no state.
 * Return:  static; NULL when the type is not known.
 * Source:  FORMAT.md, records.
 */
WPP_API const struct wpp_rec_schema *wpp_rec_schema(uint16_t type);

WPP_END_DECLS
#endif
