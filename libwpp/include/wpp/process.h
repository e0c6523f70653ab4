/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Processes on a stock Linux kernel: start, persist, recreate (user-glue;
 * DESIGN.md 5). Hosted: not part of the freestanding core.
 */
#ifndef WPP_PROCESS_H
#define WPP_PROCESS_H

#include <sys/types.h>

#include <wpp/error.h>
#include <wpp/store.h>
#include <wpp/types.h>

WPP_BEGIN_DECLS

/**
 * enum wpp_note_kind - what a note is about
 */
enum wpp_note_kind {
	WPP_NOTE_REFUSED = 1, /* can't be carried: nothing was done to the process */
	WPP_NOTE_LOSSY = 2,   /* let go, because the caller allowed it by name */
	WPP_NOTE_CHANGED = 3, /* recreation: something differs from what was recorded */
	WPP_NOTE_INFO = 4,    /* worth knowing: connections reset, dead peers, ... */
	WPP_NOTE_ERROR = 5,   /* what failed, where, and what to do */
};

/**
 * struct wpp_note - one thing the user should know
 * @kind: enum wpp_note_kind.
 * @name: short stable name to allow or grep for: "io_uring", "tcp-established", "children" ...
 *        (docs/LIMITS.md lists them all).
 * @text: one sentence that names the object, its place and what to do.
 */
struct wpp_note {
	enum wpp_note_kind kind;
	const char *name;
	const char *text;
};

/**
 * struct wpp_report - where notes go
 * @note:     required. One note; its strings are borrowed for the call.
 * @progress: pages done, of all; now and then. May be NULL.
 * @arg:      for both.
 *
 * Both run during the call that was given the report, perhaps on a thread of the library while the
 * caller's waits, and while the process stands still: they must not wait for it.
 */
struct wpp_report {
	void (*note)(void *arg, const struct wpp_note *note);
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

/* ---- Persist ------------------------------------------------------------------------------ */

#define WPP_PERSIST_KILL    (1u << 0) /* kill the process once it is durable (thesis 5.1.2) */
#define WPP_PERSIST_NO_SYNC (1u << 2) /* don't make the process' dirty file data durable */

/**
 * struct wpp_persist - how to persist
 * @size:        sizeof(struct wpp_persist).
 * @flags:       WPP_PERSIST_*.
 * @allow_lossy: names of notes that are let go instead of refused, NULL-terminated; may be NULL.
 * @report:      may be NULL.
 */
struct wpp_persist {
	uint32_t size;
	uint32_t flags;
	const char *const *allow_lossy;
	const struct wpp_report *report;
};

/**
 * struct wpp_persisted - what was done; times in ns
 * @size:        in: sizeof(struct wpp_persisted).
 * @reserved:    0.
 * @generation:  number of the generation committed.
 * @nr_pages:    pages of it.
 * @nr_written:  those of them that were written now.
 * @nr_regions:  mappings of the process.
 * @nr_threads:  threads of the process.
 * @frozen_ns:   from the first thread stopped to all threads running again (or killed).
 * @durable_ns:  from the call to the return of the commit.
 * @sync_ns:     of it: making the process' dirty file data durable.
 */
struct wpp_persisted {
	uint32_t size;
	uint32_t reserved;
	uint64_t generation;
	uint64_t nr_pages;
	uint64_t nr_written;
	uint64_t nr_regions;
	uint64_t nr_threads;
	uint64_t frozen_ns;
	uint64_t durable_ns;
	uint64_t sync_ns;
};

/**
 * wpp_process_persist() - save a running process as the next generation of an image
 * @st:    store, opened for writing, without a writer; borrowed for the call.
 * @image: name of the image.
 * @pid:   process (thread group) in the caller's pid namespace.
 * @how:   see struct wpp_persist; NULL: no flags, nobody hears the notes.
 * @done:  out, its size is in; may be NULL; behind an error only its times count.
 *
 * What can't be captured is refused by name before any thread is stopped, and what only shows then
 * before anything is written. On any error the process runs on unharmed, and the older generation
 * stays live. Generations older than the newest give way when the medium has no room (note "room").
 * Context: ptrace rights over @pid; the store's thread; works on threads of its own, with real-time
 *          priority where that is allowed; allocates; sleeps; not async-signal-safe.
 * Return:  0; WPP_EREFUSED (notes say what), WPP_EPERM, WPP_ENOENT (no such process), WPP_EBUSY (a
 *          thread does not stop), WPP_EINVAL (@image, @pid, a size, unknown flags of @how),
 *          WPP_ENOMEM, another -errno, or an error of wpp_writer_begin() to wpp_writer_commit():
 *          the store is then as these say.
 * Source:  DESIGN.md 5.2; LIMITS.md; thesis 4.2, 5.1.2.
 */
WPP_API WPP_MUST_CHECK int wpp_process_persist(struct wpp_store *st, const char *image, pid_t pid,
					       const struct wpp_persist *how,
					       struct wpp_persisted *done);

/**
 * wpp_process_check() - would wpp_process_persist() refuse this process?
 * @pid: as for wpp_process_persist().
 * @how: as for wpp_process_persist(); what it allows is not refused.
 *
 * Reads /proc only; the process is not disturbed. What only a stopped process shows is not seen.
 * Context: ptrace rights over @pid; any thread; allocates; sleeps.
 * Return:  0; WPP_EREFUSED with notes; WPP_EPERM, WPP_ENOENT (no such process), WPP_EINVAL,
 *          WPP_ENOMEM or another -errno.
 * Source:  DESIGN.md 5.2; LIMITS.md.
 */
WPP_API WPP_MUST_CHECK int wpp_process_check(pid_t pid, const struct wpp_persist *how);

/* ---- Recreate ----------------------------------------------------------------------------- */

#define WPP_RECREATE_NEW_PID_NS (1u << 0) /* own pid namespace, when the pid is taken */
#define WPP_RECREATE_STOPPED	(1u << 1) /* leave it stopped (SIGSTOP) at its next instruction */
#define WPP_RECREATE_FILES_WARN (1u << 2) /* changed files: note them and go on (--files=warn) */

/**
 * struct wpp_recreate - how to recreate
 * @size:       sizeof(struct wpp_recreate).
 * @flags:      WPP_RECREATE_*.
 * @generation: 0: the newest.
 * @stdio:      descriptors that replace standard streams which can't be reopened (pipes to a
 *              starter that is gone, a terminal); -1: /dev/null.
 * @report:     may be NULL.
 */
struct wpp_recreate {
	uint32_t size;
	uint32_t flags;
	uint64_t generation;
	int stdio[3];
	int reserved;
	const struct wpp_report *report;
};

/**
 * struct wpp_recreated - what was done; times in ns
 * @size:                 in: sizeof(struct wpp_recreated).
 * @pid:                  the new process, in the caller's namespace.
 * @generation:           number of the generation that was read.
 * @nr_pages:             pages of the process' memory.
 * @nr_threads:           threads of the process.
 * @first_instruction_ns: from the call to the process running.
 * @read_ns:              of it: reading and verifying pages.
 */
struct wpp_recreated {
	uint32_t size;
	pid_t pid;
	uint64_t generation;
	uint64_t nr_pages;
	uint64_t nr_threads;
	uint64_t first_instruction_ns;
	uint64_t read_ns;
};

/**
 * wpp_process_recreate() - build the process anew and let it go on
 * @st:    store, may be read-only; borrowed for the call.
 * @image: name.
 * @how:   see struct wpp_recreate; NULL: the newest generation, standard streams are /dev/null.
 * @done:  out, its size is in; may be NULL; zeros behind an error.
 *
 * The new process is a child of the caller: reap it with waitpid(). Every page is verified and
 * files are compared with what was recorded before its first instruction; on any error no process
 * is left. Who may be trusted with what: SECURITY.md.
 * Context: the store's thread; forks; allocates; sleeps; not async-signal-safe. The rights that the
 *          image asks for and the caller lacks are named in notes.
 * Return:  0; WPP_ENOENT (nothing to recreate), WPP_ECORRUPT, WPP_EFORMAT (of a later version),
 *          WPP_EREFUSED (files differ, features are missing; notes say which), WPP_EEXIST (an id is
 *          taken; the note names its owner and offers a new pid namespace), WPP_EPERM (the note
 *          names the capability), WPP_EBUSY (8 readers are open), WPP_EINVAL (a size, unknown
 *          flags of @how), WPP_ENOMEM, WPP_EIO or another -errno.
 * Source:  DESIGN.md 5.3; LIMITS.md; thesis 4.3, 5.1.3.
 */
WPP_API WPP_MUST_CHECK int wpp_process_recreate(struct wpp_store *st, const char *image,
						const struct wpp_recreate *how,
						struct wpp_recreated *done);

WPP_END_DECLS
#endif
