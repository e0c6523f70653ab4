/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
#include "strtab_priv.h"

#include "hash_priv.h"
#include "plat.h"

/* In front of each text: whose it is, and its bytes with the NUL. */
struct head {
	uint32_t id;
	uint32_t len;
};

static uint32_t entry_size(uint32_t len)
{
	return (uint32_t)sizeof(struct head) + ((len + 3) & ~3u);
}

uint64_t wppi_strtab_area(uint32_t text_bytes)
{
	return (uint64_t)text_bytes + text_bytes / 7 + 1;
}

void wppi_strtab_init(struct wppi_strtab *t)
{
	t->nr_used = 1;
	t->free = 0;
	t->used = 0;
	t->dead = 0;
	wpp_memset(t->bucket, 0, (size_t)t->nr_max * sizeof(t->bucket[0]));
	wpp_memset(&t->str[0], 0, sizeof(t->str[0]));
}

/* The checked way from an id to its string: a bad id is string 0. */
static struct wppi_str *str_at(const struct wppi_strtab *t, uint32_t id)
{
	return &t->str[id < t->nr_used ? id : 0];
}

/* The head at @off; false if no whole entry, ended by a NUL, lies there. */
static bool head_at(const struct wppi_strtab *t, uint32_t off, struct head *h)
{
	if (off > t->used || t->used - off < sizeof(*h))
		return false;
	wpp_memcpy(h, t->bytes + off, sizeof(*h));
	return h->len > 0 && h->len <= WPP_REGION_PATH_MAX && entry_size(h->len) <= t->used - off &&
	       !t->bytes[off + sizeof(*h) + h->len - 1];
}

static uint32_t hash_text(const struct wppi_strtab *t, const char *s, uint32_t len)
{
	uint64_t hash = len;

	for (uint32_t i = 0; i < len; i += 8) {
		uint64_t word = 0;

		wpp_memcpy(&word, s + i, len - i < 8 ? len - i : 8);
		hash = wppi_hash(t->seed, hash ^ word);
	}
	return (uint32_t)hash;
}

static bool is_text(const struct wppi_strtab *t, const struct wppi_str *str, const char *s,
		    uint32_t len)
{
	struct head h;

	return head_at(t, str->off, &h) && h.len == len &&
	       wpp_memcmp(t->bytes + str->off + sizeof(h), s, len) == 0;
}

static uint32_t lookup(const struct wppi_strtab *t, uint32_t hash, const char *s, uint32_t len)
{
	uint32_t id = t->bucket[wppi_hash_below(hash, t->nr_max)];

	for (uint32_t n = 0; id && n < t->nr_used; n++) {
		const struct wppi_str *str = str_at(t, id);

		if (str->hash == hash && is_text(t, str, s, len))
			return id < t->nr_used ? id : 0;
		id = str->next;
	}
	return 0;
}

/* Close the gaps that dropped strings left. */
static void compact(struct wppi_strtab *t)
{
	uint32_t to = 0;
	struct head h;

	for (uint32_t off = 0; head_at(t, off, &h);) {
		struct wppi_str *str = str_at(t, h.id);
		uint32_t size = entry_size(h.len);

		if (str->refs && str->off == off) {
			wpp_memmove(t->bytes + to, t->bytes + off, size);
			str->off = to;
			to += size;
		}
		off += size;
	}
	t->used = to;
	t->dead = 0;
}

static bool has_room(struct wppi_strtab *t, uint32_t len)
{
	uint32_t size = entry_size(len);

	if (!t->free && t->nr_used > t->nr_max)
		return false;
	if (t->size - t->used < size && t->dead >= t->size / 8)
		compact(t);
	return t->size - t->used >= size;
}

static uint32_t take_id(struct wppi_strtab *t)
{
	uint32_t id = t->free;

	if (id && id < t->nr_used) {
		t->free = t->str[id].next;
		return id;
	}
	t->free = 0;
	return t->nr_used <= t->nr_max ? t->nr_used++ : 0;
}

static uint32_t append(struct wppi_strtab *t, uint32_t hash, const char *s, uint32_t len)
{
	uint32_t *bucket = &t->bucket[wppi_hash_below(hash, t->nr_max)];
	struct head h = { .id = take_id(t), .len = len };

	if (!h.id)
		return 0;
	wpp_memcpy(t->bytes + t->used, &h, sizeof(h));
	wpp_memcpy(t->bytes + t->used + sizeof(h), s, len);
	t->str[h.id] = (struct wppi_str){ .off = t->used, .next = *bucket, .hash = hash };
	*bucket = h.id;
	t->used += entry_size(len);
	return h.id;
}

int wppi_strtab_get(struct wppi_strtab *t, const char *s, uint32_t max, uint32_t *id)
{
	uint32_t len = 0;
	uint32_t hash;

	*id = 0;
	if (!s)
		return 0;
	while (len < max && s[len])
		len++;
	if (len++ == max)
		return WPP_EINVAL;
	hash = hash_text(t, s, len);
	*id = lookup(t, hash, s, len);
	if (!*id && has_room(t, len))
		*id = append(t, hash, s, len);
	if (!*id)
		return WPP_ENOSPC;
	wppi_strtab_ref(t, *id);
	return 0;
}

void wppi_strtab_ref(struct wppi_strtab *t, uint32_t id)
{
	str_at(t, id)->refs++;
}

static void unlink_str(struct wppi_strtab *t, uint32_t id)
{
	uint32_t *link = &t->bucket[wppi_hash_below(t->str[id].hash, t->nr_max)];

	for (uint32_t n = 0; *link && *link != id && n < t->nr_used; n++)
		link = &str_at(t, *link)->next;
	if (*link == id)
		*link = t->str[id].next;
}

void wppi_strtab_put(struct wppi_strtab *t, uint32_t id)
{
	struct head h;

	if (!id || id >= t->nr_used || !t->str[id].refs || --t->str[id].refs)
		return;
	if (head_at(t, t->str[id].off, &h))
		t->dead += entry_size(h.len);
	unlink_str(t, id);
	t->str[id].next = t->free;
	t->free = id;
}

const char *wppi_strtab_text(const struct wppi_strtab *t, uint32_t id)
{
	struct head h;

	if (!id || id >= t->nr_used || !head_at(t, t->str[id].off, &h))
		return NULL;
	return t->bytes + t->str[id].off + sizeof(h);
}
