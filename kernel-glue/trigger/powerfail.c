/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who says that power fails, besides /dev/wpp-trigger: chosen by the parameter powerfail=, a list
 * of panic, reboot, nmi, button, regulator.
 */
#include <linux/input.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/regulator/consumer.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "arch/arch.h"
#include "track/proc.h"
#include "trigger/askers.h"
#include "trigger/kpersist.h"

static char *powerfail;
module_param(powerfail, charp, 0444);
MODULE_PARM_DESC(powerfail, "comma-separated: panic, reboot, nmi, button, regulator");

static char *supply;
module_param(supply, charp, 0444);
MODULE_PARM_DESC(supply, "name of the regulator whose under-voltage counts");

/* ---- panic --------------------------------------------------------------------------------- */

/*
 * The other processors have been stopped wherever they were, with the registers of the process
 * where nobody finds them, so no new generation can be made. The truth is told instead.
 */
static int panic_call(struct notifier_block *block, unsigned long event, void *data)
{
	if (wppk_nr_tracked())
		pr_emerg("wpp: panic: %u processes stay as their last generation has them\n",
			 wppk_nr_tracked());
	return NOTIFY_DONE;
}

static struct notifier_block panic_block = { .notifier_call = panic_call };

static int panic_add(void)
{
	return atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
}

static void panic_remove(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
}

/* ---- reboot, halt and power off, orderly or by hw_protection_shutdown() ---------------------- */

static int reboot_call(struct notifier_block *block, unsigned long event, void *data)
{
	int err = wppk_nr_tracked() ? wppk_persist_all() : 0;

	if (err)
		pr_err("wpp: reboot: error %d\n", err);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = reboot_call, .priority = INT_MAX };

static int reboot_add(void)
{
	return register_reboot_notifier(&reboot_block);
}

static void reboot_remove(void)
{
	unregister_reboot_notifier(&reboot_block);
}

/* ---- an NMI that nobody else knows (a dump button, a power supply's early warning) ------------
 */

static void nmi_work_run(struct irq_work *work)
{
	wppk_power_fails();
}

static DEFINE_IRQ_WORK(nmi_work, nmi_work_run);

static void nmi_call(void)
{
	irq_work_queue(&nmi_work);
}

static int nmi_add(void)
{
	return wppk_arch_nmi_add(nmi_call);
}

static void nmi_remove(void)
{
	wppk_arch_nmi_remove();
	irq_work_sync(&nmi_work);
}

/* ---- the power button: ACPI (with its button module), GPIO, keyboard --------------------------
 */

static void button_event(struct input_handle *handle, unsigned int type, unsigned int code,
			 int value)
{
	if (type == EV_KEY && code == KEY_POWER && value == 1)
		wppk_power_fails();
}

static int button_connect(struct input_handler *handler, struct input_dev *dev,
			  const struct input_device_id *id)
{
	struct input_handle *handle = kzalloc(sizeof(*handle), GFP_KERNEL);
	int err;

	if (!handle)
		return -ENOMEM;
	handle->dev = dev;
	handle->handler = handler;
	handle->name = "wpp";
	err = input_register_handle(handle);
	if (err)
		goto free;
	err = input_open_device(handle);
	if (err)
		goto unregister;
	return 0;
unregister:
	input_unregister_handle(handle);
free:
	kfree(handle);
	return err;
}

static void button_disconnect(struct input_handle *handle)
{
	input_close_device(handle);
	input_unregister_handle(handle);
	kfree(handle);
}

static const struct input_device_id button_ids[] = {
	{
		.flags = INPUT_DEVICE_ID_MATCH_EVBIT | INPUT_DEVICE_ID_MATCH_KEYBIT,
		.evbit = { BIT_MASK(EV_KEY) },
		.keybit = { [BIT_WORD(KEY_POWER)] = BIT_MASK(KEY_POWER) },
	},
	{},
};

static struct input_handler button_handler = {
	.name = "wpp",
	.event = button_event,
	.connect = button_connect,
	.disconnect = button_disconnect,
	.id_table = button_ids,
};

static int button_add(void)
{
	return input_register_handler(&button_handler);
}

static void button_remove(void)
{
	input_unregister_handler(&button_handler);
}

/* ---- a regulator that says so, where the kernel has regulators --------------------------------
 */

#if IS_REACHABLE(CONFIG_REGULATOR)
static struct regulator *regulator;

static int regulator_call(struct notifier_block *block, unsigned long event, void *data)
{
	if (event & (REGULATOR_EVENT_UNDER_VOLTAGE | REGULATOR_EVENT_UNDER_VOLTAGE_WARN))
		wppk_power_fails();
	return NOTIFY_DONE;
}

static struct notifier_block regulator_block = { .notifier_call = regulator_call };

static int regulator_add(void)
{
	int err;

	if (!supply)
		return -EINVAL;
	regulator = regulator_get(NULL, supply);
	if (IS_ERR(regulator))
		return PTR_ERR(regulator);
	err = regulator_register_notifier(regulator, &regulator_block);
	if (err)
		regulator_put(regulator);
	return err;
}

static void regulator_remove(void)
{
	regulator_unregister_notifier(regulator, &regulator_block);
	regulator_put(regulator);
}
#else
static int regulator_add(void)
{
	return -EOPNOTSUPP;
}

static void regulator_remove(void)
{
}
#endif

static struct hook {
	const char *name;
	int (*add)(void);
	void (*remove)(void);
	bool added;
} hooks[] = {
	{ "panic", panic_add, panic_remove },
	{ "reboot", reboot_add, reboot_remove },
	{ "nmi", nmi_add, nmi_remove },
	{ "button", button_add, button_remove },
	{ "regulator", regulator_add, regulator_remove },
};

static int hook_add(const char *name)
{
	size_t i;
	int err;

	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (strcmp(hooks[i].name, name))
			continue;
		err = hooks[i].added ? 0 : hooks[i].add();
		if (err)
			pr_err("wpp: power-fail hook %s: error %d\n", name, err);
		else
			hooks[i].added = true;
		return err;
	}
	pr_err("wpp: there is no power-fail hook %s\n", name);
	return -EINVAL;
}

void wppk_powerfail_exit(void)
{
	size_t i;

	for (i = ARRAY_SIZE(hooks); i--;) {
		if (hooks[i].added)
			hooks[i].remove();
		hooks[i].added = false;
	}
}

int wppk_powerfail_init(void)
{
	char *list, *rest, *name;
	int err = 0;

	if (!powerfail)
		return 0;
	list = kstrdup(powerfail, GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	for (rest = list; !err && (name = strsep(&rest, ","));)
		err = *name ? hook_add(name) : 0;
	kfree(list);
	if (err)
		wppk_powerfail_exit();
	return err;
}
