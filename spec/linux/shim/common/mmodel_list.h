/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Circular doubly linked lists under the kernel's names. A deleted node is poisoned: using it faults. */
#ifndef MMODEL_LIST_H
#define MMODEL_LIST_H

#include "mmodel_base.h"

struct list_head {
	struct list_head *next, *prev;
};

/* Not canonical on x86-64, so no mapping can make them valid. */
#define POISON_POINTER_DELTA 0xdead000000000000ul
#define LIST_POISON1 ((struct list_head *)(0x100ul + POISON_POINTER_DELTA))
#define LIST_POISON2 ((struct list_head *)(0x122ul + POISON_POINTER_DELTA))

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
	WRITE_ONCE(list->next, list);
	WRITE_ONCE(list->prev, list);
}

static inline int list_empty(const struct list_head *head)
{
	return READ_ONCE(head->next) == head;
}

static inline void mmodel_list_link(struct list_head *a, struct list_head *b)
{
	b->prev = a;
	WRITE_ONCE(a->next, b);
}

static inline void list_add(struct list_head *node, struct list_head *head)
{
	mmodel_list_link(node, head->next);
	mmodel_list_link(head, node);
}

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	list_add(node, head->prev);
}

static inline void mmodel_list_unlink(struct list_head *node)
{
	mmodel_list_link(node->prev, node->next);
}

static inline void list_del(struct list_head *node)
{
	mmodel_list_unlink(node);
	node->next = LIST_POISON1;
	node->prev = LIST_POISON2;
}

static inline void list_del_init(struct list_head *node)
{
	mmodel_list_unlink(node);
	INIT_LIST_HEAD(node);
}

static inline void list_move(struct list_head *node, struct list_head *head)
{
	mmodel_list_unlink(node);
	list_add(node, head);
}

static inline void list_move_tail(struct list_head *node, struct list_head *head)
{
	mmodel_list_unlink(node);
	list_add_tail(node, head);
}

static inline void list_splice(struct list_head *list, struct list_head *head)
{
	struct list_head *first = list->next, *last = list->prev, *after = head->next;

	if (list_empty(list))
		return;
	mmodel_list_link(head, first);
	mmodel_list_link(last, after);
}

static inline void list_splice_tail(struct list_head *list, struct list_head *head)
{
	list_splice(list, head->prev);
}

static inline void list_splice_init(struct list_head *list, struct list_head *head)
{
	list_splice(list, head);
	INIT_LIST_HEAD(list);
}

static inline void list_splice_tail_init(struct list_head *list, struct list_head *head)
{
	list_splice_tail(list, head);
	INIT_LIST_HEAD(list);
}

#define list_entry(node, type, member)       container_of(node, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)
#define list_next_entry(pos, member)         list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_prev_entry(pos, member)         list_entry((pos)->member.prev, typeof(*(pos)), member)
#define list_entry_is_head(pos, head, member) (&(pos)->member == (head))
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))

#define list_for_each(node, head) for (node = (head)->next; node != (head); node = node->next)
#define list_for_each_entry(pos, head, member)                                                     \
	for (pos = list_first_entry(head, typeof(*pos), member); !list_entry_is_head(pos, head, member); \
	     pos = list_next_entry(pos, member))
#define list_for_each_entry_reverse(pos, head, member)                                            \
	for (pos = list_last_entry(head, typeof(*pos), member); !list_entry_is_head(pos, head, member); \
	     pos = list_prev_entry(pos, member))
/* The successor is read before the body runs: the body may free or unlink pos. */
#define list_for_each_entry_safe(pos, after, head, member)                                            \
	for (pos = list_first_entry(head, typeof(*pos), member), after = list_next_entry(pos, member);  \
	     !list_entry_is_head(pos, head, member); pos = after, after = list_next_entry(after, member))

#endif
