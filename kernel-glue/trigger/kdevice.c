/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * /dev/wpp: the requests of wpp/module.h, and the bytes of the medium.
 */
#include <linux/capability.h>
#include <linux/compat.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "medium/kmedium.h"
#include "track/proc.h"
#include "track/tracking.h"
#include "trigger/askers.h"
#include "trigger/kpersist.h"

static int dev_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? 0 : -EPERM;
}

static bool is_text(const char *text, size_t size)
{
	return strnlen(text, size) < size;
}

static long ioc_abi(void __user *arg)
{
	const u32 abi = WPP_KO_ABI;

	return copy_to_user(arg, &abi, sizeof(abi)) ? -EFAULT : 0;
}

static long ioc_attach(void __user *arg)
{
	struct wpp_ko_attach how;
	int err;

	if (copy_from_user(&how, arg, sizeof(how)))
		return -EFAULT;
	if (how.reserved || !is_text(how.address, sizeof(how.address)))
		return -EINVAL;
	mutex_lock(&wppk_lock);
	err = wppk_medium_attach(&how);
	mutex_unlock(&wppk_lock);
	return err;
}

static long ioc_detach(void __user *arg)
{
	int err;

	mutex_lock(&wppk_lock);
	err = list_empty(wppk_procs()) ? wppk_medium_detach() : -EBUSY;
	mutex_unlock(&wppk_lock);
	return err;
}

static long ioc_medium(void __user *arg)
{
	struct wpp_ko_medium info = { .size = 0 };
	int err;

	err = wppk_medium_info(&info);
	if (err)
		return err;
	info.nr_tracked = wppk_nr_tracked();
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long ioc_track(void __user *arg)
{
	struct wpp_ko_track how;

	if (copy_from_user(&how, arg, sizeof(how)))
		return -EFAULT;
	return wppk_track(&how);
}

static long ioc_untrack(void __user *arg)
{
	s32 pid;

	if (copy_from_user(&pid, arg, sizeof(pid)))
		return -EFAULT;
	return wppk_untrack(pid);
}

/* The answer has notes about what was refused, so it is given behind errors, too. */
static long ioc_persist(void __user *arg)
{
	struct wpp_ko_persist *how = memdup_user(arg, sizeof(*how));
	long err;

	if (IS_ERR(how))
		return PTR_ERR(how);
	err = wppk_persist_one(how);
	if (copy_to_user(arg, how, sizeof(*how)))
		err = err ?: -EFAULT;
	kfree(how);
	return err;
}

static long dev_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	switch (request) {
	case WPP_KO_IOC_ABI:
		return ioc_abi(user);
	case WPP_KO_IOC_ATTACH:
		return ioc_attach(user);
	case WPP_KO_IOC_DETACH:
		return ioc_detach(user);
	case WPP_KO_IOC_MEDIUM:
		return ioc_medium(user);
	case WPP_KO_IOC_TRACK:
		return ioc_track(user);
	case WPP_KO_IOC_UNTRACK:
		return ioc_untrack(user);
	case WPP_KO_IOC_PERSIST:
		return ioc_persist(user);
	default:
		return -ENOTTY;
	}
}

/* The part of a transfer that lies on the medium; 0 at its end. */
static ssize_t clip(size_t len, loff_t off)
{
	struct wpp_ko_medium info;
	int err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = wppk_medium_info(&info);
	if (err)
		return err;
	if (off < 0 || off % info.io_align || len % info.io_align)
		return -EINVAL;
	if ((u64)off >= info.size)
		return 0;
	return min_t(u64, min_t(u64, len, MAX_RW_COUNT & PAGE_MASK), info.size - off);
}

static ssize_t dev_read(struct file *file, char __user *to, size_t len, loff_t *off)
{
	ssize_t done = clip(len, *off);

	if (done > 0)
		done = wppk_medium_read(to, done, *off);
	if (done > 0)
		*off += done;
	return done;
}

static ssize_t dev_write(struct file *file, const char __user *from, size_t len, loff_t *off)
{
	ssize_t done = clip(len, *off);

	if (!done && len)
		return -ENOSPC;
	if (done > 0)
		done = wppk_medium_write(from, done, *off);
	if (done > 0)
		*off += done;
	return done;
}

static int dev_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	return wppk_medium_flush();
}

static loff_t dev_llseek(struct file *file, loff_t off, int whence)
{
	struct wpp_ko_medium info;
	int err = wppk_medium_info(&info);

	return err ?: fixed_size_llseek(file, off, whence, info.size);
}

static const struct file_operations dev_ops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = dev_read,
	.write = dev_write,
	.fsync = dev_fsync,
	.llseek = dev_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "wpp",
	.mode = 0600,
	.fops = &dev_ops,
};

int wppk_device_init(void)
{
	return misc_register(&dev);
}

void wppk_device_exit(void)
{
	misc_deregister(&dev);
}
