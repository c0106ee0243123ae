; SPDX-License-Identifier: GPL-2.0 OR MIT
; Where the frames are, in numbers, as constrained Horn clauses for Z3's Spacer: it has to find the inductive invariants itself. Any number n
; of vmemmap pages, of CPUs and pages a CPU; any point of failure. Each query at the end asks whether a bad end can be reached: `unsat` of the
; query's body is printed by Z3 as "sat" (an invariant that excludes it exists).
(set-logic HORN)
(set-option :fp.spacer.use_euf_gen true)

; ---- HVO. t: tail pages of the vmemmap; s: pages that are the buddy's or on the list, more than at first; j: tails walked. An
; allocation may fail at any time, and succeed.
(declare-fun Whole     (Int Int) Bool)              ; t s
(declare-fun Head      (Int Int) Bool)
(declare-fun Remap     (Int Int Int) Bool)          ; t s j
(declare-fun Back      (Int Int Int) Bool)
(declare-fun Rolled    (Int Int) Bool)
(declare-fun Optimised (Int Int) Bool)
(declare-fun Alloc     (Int Int Int) Bool)          ; t s, and pages allocated
(declare-fun Undo      (Int Int Int Int) Bool)
(declare-fun Enomem    (Int Int) Bool)
(declare-fun Walk      (Int Int Int) Bool)          ; t s, and tails that have a page again
(declare-fun Restored  (Int Int) Bool)
(assert (forall ((t Int)) (=> (>= t 0) (Whole t 0))))
(assert (forall ((t Int) (s Int)) (=> (Whole t s) (Head t (+ (- s 1) 1)))))   ; a new head: from the buddy, on the list
(assert (forall ((t Int) (s Int)) (=> (Whole t s) (Remap t s 0))))   ; no memory for one
(assert (forall ((t Int) (s Int)) (=> (Head t s) (Remap t (+ (- s 1) 1) 0))))   ; it leaves the list, the old one enters
(assert (forall ((t Int) (s Int)) (=> (Head t s) (Rolled t s))))   ; the first split fails
(assert (forall ((t Int) (s Int)) (=> (Whole t s) (Rolled t s))))
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Remap t s j) (< j t)) (Remap t (+ s 1) (+ j 1)))))   ; vmemmap_remap_pte()
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Remap t s j) (< j t)) (Back t s j))))   ; a later split fails
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Remap t s j) (= j t)) (Optimised t s))))
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Back t s j) (> j 0)) (Back t (- s 1) (- j 1)))))   ; vmemmap_restore_pte()
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Back t s j) (= j 0)) (Rolled t s))))
; alloc_vmemmap_page_list(): t pages or none.
(assert (forall ((t Int) (s Int)) (=> (Optimised t s) (Alloc t s 0))))
(assert (forall ((t Int) (s Int) (k Int)) (=> (and (Alloc t s k) (< k t)) (Alloc t s (+ k 1)))))
(assert (forall ((t Int) (s Int) (k Int)) (=> (and (Alloc t s k) (< k t)) (Undo t s k k))))
(assert (forall ((t Int) (s Int) (k Int) (f Int)) (=> (and (Undo t s k f) (> f 0)) (Undo t s (- k 1) (- f 1)))))
(assert (forall ((t Int) (s Int) (k Int) (f Int)) (=> (and (Undo t s k f) (= f 0)) (Enomem t (- s k)))))
(assert (forall ((t Int) (s Int) (k Int)) (=> (and (Alloc t s k) (= k t)) (Walk t (- s k) 0))))
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Walk t s j) (< j t)) (Walk t s (+ j 1)))))
(assert (forall ((t Int) (s Int) (j Int)) (=> (and (Walk t s j) (= j t)) (Restored t s))))

; ---- percpu. c CPUs of p pages each; a: CPUs done; i: pages of this one. Frames are counted as r whole CPUs' and g more, which keeps the
; arithmetic linear: r times p plus g of them are allocated, or mapped.
(declare-fun Pages  (Int Int Int Int Int Int) Bool)
(declare-fun Unwind (Int Int Int Int Int Int) Bool)
(declare-fun Map    (Int Int Int Int Int Int) Bool)
(declare-fun Unmap  (Int Int Int Int Int) Bool)     ; c p, the CPU, r, g
(declare-fun Free   (Int Int Int Int) Bool)         ; c p, CPUs to free, r
(declare-fun Nothing (Int Int) Bool)                ; r g
(declare-fun Unmapped (Int Int) Bool)
(declare-fun Populated (Int Int Int) Bool)          ; c r g
; pcpu_alloc_pages(), and back: the failing CPU's pages, then all pages of each CPU before it.
(assert (forall ((c Int) (p Int)) (=> (and (>= c 1) (>= p 1)) (Pages c p 0 0 0 0))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Pages c p a i r g) (< a c) (< i p)) (Pages c p a (+ i 1) r (+ g 1)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Pages c p a i r g) (< a c) (= i p)) (Pages c p (+ a 1) 0 (+ r 1) (- g p)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Pages c p a i r g) (< a c) (< i p)) (Unwind c p a i r g))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Unwind c p a i r g) (> i 0)) (Unwind c p a (- i 1) r (- g 1)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Unwind c p a i r g) (= i 0) (> a 0)) (Unwind c p (- a 1) p (- r 1) (+ g p)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Unwind c p a i r g) (= i 0) (= a 0)) (Nothing r g))))
; pcpu_map_pages(): any prefix of a CPU's run; then every CPU up to and with this one is unmapped, and all pages are freed.
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Pages c p a i r g) (= a c)) (Map c p 0 0 0 0))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Map c p a i r g) (< a c) (< i p)) (Map c p a (+ i 1) r (+ g 1)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Map c p a i r g) (< a c) (= i p)) (Map c p (+ a 1) 0 (+ r 1) (- g p)))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Map c p a i r g) (= a c)) (Populated c r g))))
(assert (forall ((c Int) (p Int) (a Int) (i Int) (r Int) (g Int)) (=> (and (Map c p a i r g) (< a c)) (Unmap c p a r (- g i)))))
(assert (forall ((c Int) (p Int) (a Int) (r Int) (g Int)) (=> (and (Unmap c p a r g) (> a 0)) (Unmap c p (- a 1) (- r 1) g))))
(assert (forall ((c Int) (p Int) (a Int) (r Int) (g Int)) (=> (and (Unmap c p a r g) (= a 0)) (Unmapped r g))))
(assert (forall ((c Int) (p Int) (a Int) (r Int) (g Int) (q Int) (h Int)) (=> (and (Unmap c p a r g) (= a 0) (Pages c p c 0 q h)) (Free c p c q))))
(assert (forall ((c Int) (p Int) (a Int) (r Int)) (=> (and (Free c p a r) (> a 0)) (Free c p (- a 1) (- r 1)))))
(assert (forall ((c Int) (p Int) (a Int) (r Int)) (=> (and (Free c p a r) (= a 0)) (Nothing r 0))))

; ---- the queries
(assert (forall ((t Int) (s Int)) (=> (and (Optimised t s) (not (= s t))) false)))                   ; a page saved for each tail
(assert (forall ((t Int) (s Int)) (=> (and (Rolled t s) (not (= s 0))) false)))                      ; none lost, none won
(assert (forall ((t Int) (s Int)) (=> (and (Enomem t s) (not (= s t))) false)))
(assert (forall ((t Int) (s Int)) (=> (and (Restored t s) (not (= s 0))) false)))
(assert (forall ((r Int) (g Int)) (=> (and (Nothing r g) (not (and (= r 0) (= g 0)))) false)))       ; exactly what was allocated
(assert (forall ((r Int) (g Int)) (=> (and (Unmapped r g) (not (and (= r 0) (= g 0)))) false)))
(assert (forall ((c Int) (r Int) (g Int)) (=> (and (Populated c r g) (not (and (= r c) (= g 0)))) false)))
(check-sat)
