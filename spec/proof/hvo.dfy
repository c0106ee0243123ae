// SPDX-License-Identifier: GPL-2.0 OR MIT
// HVO, one updater, any number of vmemmap pages n, any K struct pages a page, any point of failure.
//
// A vmemmap page i maps frame pte[i]; ro[i] says how. mem[f] is the frame's contents as K struct pages, each a number: tail(x) says
// that it carries the tail marker. `tlb` holds every frame that some CPU may still translate to beside what is mapped now.
//
// Trusted: the contracts of the methods without a body (the allocator, the page table, the TLB) and lemma Sizes.

function method K(): int                        // struct pages a vmemmap page: PAGE_SIZE / sizeof(struct page)
function method NR(): int                       // NR_RESET_STRUCT_PAGE
function tail(x: int): bool
const blank: int                                // a tail as prep_compound_page() leaves it
lemma {:axiom} Sizes() ensures 1 < NR() && 2 * NR() <= K() && tail(blank)

predicate tail_page(p: seq<int>) { |p| == K() && forall j :: 0 <= j < K() ==> p[j] == blank }
// Slot 0 is the head; what hugetlb keeps in the tails behind it ends before NR.
predicate head_page(p: seq<int>) {
  |p| == K() && 0 < NR() && 2 * NR() <= K() && !tail(p[0]) &&
  (forall j :: 1 <= j < K() ==> tail(p[j])) && forall j :: NR() <= j < K() ==> p[j] == blank
}

// compound_head() of slot j of a page with contents p: does it find the folio's head? page 0 is where the head lives.
// With the key raised, what looks like a head at the start of a page is fake if the next struct page is a tail.
predicate finds_head(p: seq<int>, i: int, j: int, key: int) requires |p| == K() && 0 <= j < K() {
  tail(p[j]) || (i == 0 && j == 0) || (key > 0 && j == 0 && K() > 1 && tail(p[1]))
}

class Machine {
  var pte: seq<int>
  var ro: seq<bool>
  var mem: map<int, seq<int>>
  var buddy: set<int>
  var used: set<int>
  var tlb: set<int>
  var key: int
  var flag: bool                                // folio_test_hugetlb_vmemmap_optimized()
  var memmap: int                               // nr_memmap_pages

  predicate sound() reads this {
    |pte| == |ro| >= 1 && buddy !! used && (forall i :: 0 <= i < |pte| ==> pte[i] in used) &&
    (forall f :: f in used ==> f in mem && |mem[f]| == K())
  }
  predicate inv_no_page_is_leaked() reads this { forall f :: f in used ==> f in pte }
  predicate distinct() reads this { forall i, j :: 0 <= i < j < |pte| ==> pte[i] != pte[j] }
  // A folio as it was made: every page its own, writable; nothing stale in a TLB.
  predicate whole() reads this {
    sound() && inv_no_page_is_leaked() && distinct() && tlb == {} && !flag && (forall i :: 0 <= i < |pte| ==> !ro[i]) &&
    head_page(mem[pte[0]]) && forall i :: 1 <= i < |pte| ==> tail_page(mem[pte[i]])
  }
  predicate optimised() reads this {
    sound() && inv_no_page_is_leaked() && tlb == {} && flag && key > 0 && head_page(mem[pte[0]]) &&
    forall i :: 0 <= i < |pte| ==> pte[i] == pte[0] && (ro[i] <==> i >= 1)
  }
  predicate compound_head_holds() reads this requires sound() {
    forall i, j :: 0 <= i < |pte| && 0 <= j < K() ==> finds_head(mem[pte[i]], i, j, key)
  }

  method alloc_page() returns (ok: bool, f: int)
    modifies this`buddy, this`used, this`mem
    ensures !ok ==> buddy == old(buddy) && used == old(used) && mem == old(mem)
    ensures ok ==> f in old(buddy) && buddy == old(buddy) - {f} && used == old(used) + {f}
    ensures ok ==> f in mem && |mem[f]| == K() && forall g :: g in old(mem) && g != f ==> g in mem && mem[g] == old(mem)[g]
  method free_page(f: int)
    requires f in used && f !in tlb && f !in pte   // not while mapped, not while a TLB may hold it, not twice
    modifies this`buddy, this`used, this`mem
    ensures buddy == old(buddy) + {f} && used == old(used) - {f}
    ensures forall g :: g in old(mem) && g != f ==> g in mem && mem[g] == old(mem)[g]
  method vmemmap_split_pmd() returns (ok: bool)    // translations stay; no memory for the table: any time
  method set_pte_at(i: int, f: int, read_only: bool)
    requires 0 <= i < |pte| == |ro| && f in used
    requires (exists j :: 0 <= j < |pte| && j != i && pte[j] == f) ==> i == 0 || (read_only && key > 0)
    modifies this`pte, this`ro, this`tlb
    ensures pte == old(pte)[i := f] && ro == old(ro)[i := read_only] && tlb == old(tlb) + {old(pte)[i]}
  method flush_tlb() modifies this`tlb ensures tlb == {}

  // copy_page(), then reset_struct_pages(): the slots behind the first NR are copied over them.
  method copy_and_reset(dst: int, src: int)
    requires src in mem && dst in used && head_page(mem[src])
    modifies this`mem
    ensures mem.Keys == old(mem).Keys + {dst} && tail_page(mem[dst])
    ensures forall g :: g in old(mem) && g != dst ==> mem[g] == old(mem)[g]
  {
    var p := mem[src];
    mem := mem[dst := p[NR()..2 * NR()] + p[NR()..]];
  }

  method free_vmemmap_page_list(list: seq<int>)
    requires tlb == {} && buddy !! used
    requires forall a :: 0 <= a < |list| ==> list[a] in used && list[a] !in pte
    requires forall a, b :: 0 <= a < b < |list| ==> list[a] != list[b]
    modifies this`buddy, this`used, this`mem, this`memmap
    ensures |buddy| == |old(buddy)| + |list| && memmap == old(memmap) - |list|
    ensures buddy !! used && buddy + used == old(buddy) + old(used)
    ensures forall f :: f in used <==> f in old(used) && f !in list
    ensures forall f :: f in used && f in old(mem) ==> f in mem && mem[f] == old(mem)[f]
  {
    var a := 0;
    while a < |list|
      invariant 0 <= a <= |list| && |buddy| == |old(buddy)| + a && memmap == old(memmap) - a
      invariant buddy !! used && buddy + used == old(buddy) + old(used)
      invariant forall f :: f in used <==> f in old(used) && f !in list[..a]
      invariant forall f :: f in used && f in old(mem) ==> f in mem && mem[f] == old(mem)[f]
    { free_page(list[a]); memmap := memmap - 1; a := a + 1; }
  }

  // vmemmap_remap_range() with vmemmap_remap_pte(): stops where a PMD cannot be split, after nr_walked pages.
  method remap_range(reuse: int) returns (nr_walked: int)
    requires |pte| == |ro| >= 1 && reuse in used && tlb == {} && key > 0
    modifies this`pte, this`ro, this`tlb
    ensures |pte| == |ro| == |old(pte)| && 0 <= nr_walked <= |pte|
    ensures forall a :: 0 <= a < nr_walked ==> pte[a] == reuse && (ro[a] <==> a >= 1)
    ensures forall a :: nr_walked <= a < |pte| ==> pte[a] == old(pte)[a] && ro[a] == old(ro)[a]
    ensures tlb <= set f | f in old(pte)
  {
    nr_walked := 0;
    while nr_walked < |pte|
      invariant |pte| == |ro| == |old(pte)| && 0 <= nr_walked <= |pte|
      invariant forall a :: 0 <= a < nr_walked ==> pte[a] == reuse && (ro[a] <==> a >= 1)
      invariant forall a :: nr_walked <= a < |pte| ==> pte[a] == old(pte)[a] && ro[a] == old(ro)[a]
      invariant tlb <= set f | f in old(pte)
    {
      var ok := vmemmap_split_pmd();
      if !ok { return; }
      set_pte_at(nr_walked, reuse, nr_walked >= 1);
      nr_walked := nr_walked + 1;
    }
  }

  // ... with vmemmap_restore_pte(): pages 1 .. end-1 get list[1] .. list[end-1].
  method restore_range(list: seq<int>, end: int, reuse: int)
    requires 1 <= end <= |pte| == |ro| && end <= |list| && reuse in used && reuse in mem && head_page(mem[reuse])
    requires forall a :: 1 <= a < end ==> list[a] in used && list[a] != reuse
    requires forall a, b :: 1 <= a < b < end ==> list[a] != list[b]
    requires forall a, b :: 1 <= a < end && 0 <= b < |pte| && list[a] == pte[b] ==> a == b
    modifies this`pte, this`ro, this`tlb, this`mem
    ensures |pte| == |ro| == |old(pte)|
    ensures forall b :: 1 <= b < end ==> pte[b] == list[b] && !ro[b] && list[b] in mem && tail_page(mem[list[b]])
    ensures forall b :: 0 <= b < |pte| && !(1 <= b < end) ==> pte[b] == old(pte)[b] && ro[b] == old(ro)[b]
    ensures forall f :: f in old(mem) && f !in list[1..end] ==> f in mem && mem[f] == old(mem)[f]
    ensures forall f :: f in old(mem) ==> f in mem
  {
    var a := 1;
    while a < end
      invariant 1 <= a <= end && |pte| == |ro| == |old(pte)| && reuse in mem && head_page(mem[reuse])
      invariant forall b :: 1 <= b < a ==> pte[b] == list[b] && !ro[b] && list[b] in mem && tail_page(mem[list[b]])
      invariant forall b :: 0 <= b < |pte| && !(1 <= b < a) ==> pte[b] == old(pte)[b] && ro[b] == old(ro)[b]
      invariant forall f :: f in old(mem) && f !in list[1..a] ==> f in mem && mem[f] == old(mem)[f]
      invariant forall f :: f in old(mem) ==> f in mem
    {
      copy_and_reset(list[a], reuse);
      set_pte_at(a, list[a], false);
      assert list[1..a + 1] == list[1..a] + [list[a]];
      a := a + 1;
    }
  }

  // Pages for 1 .. n-1, or none. list[0] is no page.
  method alloc_vmemmap_page_list() returns (ok: bool, list: seq<int>)
    requires sound() && tlb == {}
    modifies this`buddy, this`used, this`mem, this`memmap
    ensures !ok ==> used == old(used) && buddy == old(buddy) && memmap == old(memmap)
    ensures ok ==> |list| == |pte| && memmap == old(memmap) + |pte| - 1
    ensures ok ==> forall a :: 1 <= a < |list| ==> list[a] in used && list[a] in old(buddy) && list[a] !in old(used)
    ensures ok ==> forall a, b :: 1 <= a < b < |list| ==> list[a] != list[b]
    ensures ok ==> forall f :: f in used ==> f in old(used) || f in list[1..]
    ensures ok ==> |buddy| == |old(buddy)| - (|pte| - 1)
    ensures buddy !! used && buddy + used == old(buddy) + old(used)
    ensures forall f :: f in old(used) ==> f in used && f in mem && mem[f] == old(mem)[f]
    ensures forall f :: f in used ==> f in mem && |mem[f]| == K()
  {
    list := [0];
    while |list| < |pte|
      invariant 1 <= |list| <= |pte| && |buddy| == |old(buddy)| - (|list| - 1) && memmap == old(memmap) + |list| - 1
      invariant forall a :: 1 <= a < |list| ==> list[a] in used && list[a] in old(buddy) && list[a] !in old(used)
      invariant forall a, b :: 1 <= a < b < |list| ==> list[a] != list[b]
      invariant forall f :: f in used ==> f in old(used) || f in list[1..]
      invariant buddy !! used && buddy + used == old(buddy) + old(used)
      invariant forall f :: f in old(used) ==> f in used && f in mem && mem[f] == old(mem)[f]
      invariant forall f :: f in used ==> f in mem && |mem[f]| == K()
      decreases |pte| - |list|
    {
      var got, f := alloc_page();
      if !got {
        free_vmemmap_page_list(list[1..]);
        assert used == old(used);
        ok := false;
        return;
      }
      memmap := memmap + 1;
      assert (list + [f])[1..] == list[1..] + [f];
      list := list + [f];
    }
    ok := true;
  }

  // vmemmap_remap_free() after a walk that ended early, and the caller's free: page 0 keeps the new head, what is over goes.
  method roll_back(was: seq<int>, nr_walked: int, reuse: int, new_head: bool)
    requires |pte| == |ro| == |was| && 0 <= nr_walked < |was| && tlb <= set f | f in was
    requires (!new_head ==> reuse == was[0]) && (new_head ==> reuse !in was)
    requires reuse in used && reuse in mem && head_page(mem[reuse])
    requires forall i, j :: 0 <= i < j < |was| ==> was[i] != was[j]
    requires buddy !! used && (forall f :: f in used <==> f == reuse || f in was)
    requires forall f :: f in used ==> f in mem && |mem[f]| == K()
    requires mem[reuse] == mem[was[0]] && forall b :: 1 <= b < |was| ==> tail_page(mem[was[b]])
    requires forall a :: 0 <= a < nr_walked ==> pte[a] == reuse && (ro[a] <==> a >= 1)
    requires forall a :: nr_walked <= a < |pte| ==> pte[a] == was[a] && !ro[a]
    modifies this`pte, this`ro, this`tlb, this`mem, this`buddy, this`used, this`memmap
    ensures sound() && inv_no_page_is_leaked() && distinct() && tlb == {} && |pte| == |was|
    ensures mem[pte[0]] == old(mem)[reuse] && (forall i :: 0 <= i < |pte| ==> !ro[i])
    ensures forall i :: 1 <= i < |pte| ==> tail_page(mem[pte[i]])
    ensures |buddy| == |old(buddy)| + (if new_head then 1 else 0) && buddy + used == old(buddy) + old(used)
    ensures memmap == old(memmap) - (if new_head then 1 else 0)
  {
    if nr_walked > 1 { restore_range(was, nr_walked, reuse); }
    flush_tlb();
    var head := if nr_walked == 0 then was[0] else reuse;
    assert pte == [head] + was[1..];
    assert forall b :: 1 <= b < |pte| ==> was[b] in was && was[b] != reuse;
    assert mem[reuse] == old(mem)[reuse];
    assert mem[was[0]] == old(mem)[was[0]];
    assert forall b :: 1 <= b < |pte| ==> tail_page(mem[was[b]]);
    if new_head { free_page(if nr_walked == 0 then reuse else was[0]); memmap := memmap - 1; }
    assert forall g :: g in used ==> g == head || g in was[1..];
  }

  // All pages map the reuse page: flush, and only then free what was mapped.
  method finish(was: seq<int>, reuse: int, new_head: bool)
    requires |pte| == |ro| == |was| >= 1 && buddy !! used && flag && key > 0
    requires (!new_head ==> reuse == was[0]) && (new_head ==> reuse !in was)
    requires forall i, j :: 0 <= i < j < |was| ==> was[i] != was[j]
    requires forall f :: f in used <==> f == reuse || f in was
    requires reuse in mem && head_page(mem[reuse])
    requires forall a :: 0 <= a < |pte| ==> pte[a] == reuse && (ro[a] <==> a >= 1)
    modifies this`tlb, this`mem, this`buddy, this`used, this`memmap
    ensures optimised() && mem[reuse] == old(mem)[reuse] && buddy + used == old(buddy) + old(used)
    ensures |buddy| == |old(buddy)| + |was| - (if new_head then 0 else 1) && memmap + |buddy| == old(memmap + |buddy|)
  {
    flush_tlb();
    assert forall g :: g in was ==> g == was[0] || g in was[1..];
    free_vmemmap_page_list(if new_head then was else was[1..]);
    assert forall g :: g in used ==> g == reuse;
  }

  // hugetlb_vmemmap_optimize_folio(). A failure leaves what every reader sees as it was.
  method optimize() returns (ok: bool)
    requires whole() && key >= 0
    modifies this
    ensures |pte| == |old(pte)| && buddy + used == old(buddy) + old(used) && memmap + |buddy| == old(memmap + |buddy|)
    ensures ok ==> optimised() && compound_head_holds() && |buddy| == |old(buddy)| + |pte| - 1 && key == old(key) + 1
    ensures !ok ==> whole() && |buddy| == |old(buddy)| && key == old(key)
    ensures !ok ==> forall i :: 0 <= i < |pte| ==> mem[pte[i]] == old(mem[pte[i]])
    ensures mem[pte[0]] == old(mem[pte[0]])
  {
    Sizes();
    var was := pte;
    var reuse := was[0];
    key := key + 1;
    flag := true;
    var new_head, f := alloc_page();
    if new_head {
      reuse := f;
      mem := mem[f := mem[was[0]]];
      memmap := memmap + 1;
    }
    assert flag && key > 0;
    assert mem[reuse] == old(mem)[was[0]];
    var nr_walked := remap_range(reuse);
    if nr_walked == |pte| {
      finish(was, reuse, new_head);
      ok := true;
    } else {
      roll_back(was, nr_walked, reuse, new_head);
      key := key - 1;
      flag := false;
      SamePages(old(mem), was);
      ok := false;
    }
  }

  // Two tail pages are the same page to whoever reads them.
  lemma SamePages(before: map<int, seq<int>>, was: seq<int>)
    requires sound() && |was| == |pte| && forall i :: 0 <= i < |pte| ==> was[i] in before
    requires mem[pte[0]] == before[was[0]]
    requires forall i :: 1 <= i < |pte| ==> tail_page(mem[pte[i]]) && tail_page(before[was[i]])
    ensures forall i :: 0 <= i < |pte| ==> mem[pte[i]] == before[was[i]]
  {}

  // hugetlb_vmemmap_restore_folio(). -ENOMEM: nothing changed.
  method restore() returns (ok: bool)
    requires optimised()
    modifies this
    ensures |pte| == |old(pte)| && buddy + used == old(buddy) + old(used) && memmap + |buddy| == old(memmap + |buddy|)
    ensures ok ==> whole() && compound_head_holds() && |buddy| == |old(buddy)| - (|pte| - 1) && key == old(key) - 1
    ensures !ok ==> optimised() && compound_head_holds() && buddy == old(buddy) && key == old(key)
    ensures mem[pte[0]] == old(mem[pte[0]])
  {
    Sizes();
    var reuse := pte[0];
    assert used == {reuse};
    var got, list := alloc_vmemmap_page_list();
    if !got { return false; }
    restore_range(list, |pte|, reuse);
    flush_tlb();
    assert tlb == {};
    assert forall f :: f in list[1..] ==> exists b :: 1 <= b < |pte| && list[b] == f;
    assert inv_no_page_is_leaked();
    flag := false;
    key := key - 1;
    ok := true;
    assert ok == !flag;                         // an error leaves the folio optimised
  }

  // Restore undoes optimise, for every reader, whatever fails on the way.
  method round_trip() returns (whole_again: bool)
    requires whole() && key >= 0
    modifies this
    ensures |pte| == |old(pte)| && buddy + used == old(buddy) + old(used)
    ensures whole_again ==> whole() && |buddy| == |old(buddy)| && memmap == old(memmap) && key == old(key)
    ensures whole_again ==> forall i :: 0 <= i < |pte| ==> mem[pte[i]] == old(mem[pte[i]])
    ensures !whole_again ==> optimised() && compound_head_holds()
  {
    var before, was := mem, pte;
    var done := optimize();
    if done {
      whole_again := restore();
      if whole_again { SamePages(before, was); }
    } else {
      whole_again := true;
    }
  }
}
