// SPDX-License-Identifier: GPL-2.0 OR MIT
// Populate and depopulate of a percpu chunk (mm/percpu-vm.c): any number of CPUs and pages, page allocation failing at any (cpu, page),
// mapping failing after any prefix of any CPU's run.
//
// Address v = cpu * nr + p, for nr pages a CPU: here the pages that the call is about, side by side. pte[v] is a frame, or none.
// `stale` holds the addresses that a TLB may translate though nothing, or something else, is mapped there.
//
// Trusted: the contracts of the methods without a body (the allocator, the page table, the TLB).

const none: int := -1

class Machine {
  var nr: int                                   // pages a CPU
  var cpus: int
  var pte: seq<int>
  var buddy: set<int>
  var used: set<int>                            // frames of the call's addresses
  var stale: set<int>
  var pages: seq<int>                           // pcpu_get_pages(): entries of earlier calls are still in it

  predicate sound() reads this {
    nr >= 1 && cpus >= 1 && |pte| == |pages| == cpus * nr && buddy !! used && none !in buddy && none !in used
  }
  predicate inv_no_page_is_leaked() reads this {
    forall f :: f in used ==> exists v :: 0 <= v < |pte| && pte[v] == f
  }
  predicate unpopulated() reads this {
    sound() && used == {} && stale == {} && forall v :: 0 <= v < |pte| ==> pte[v] == none
  }
  predicate populated() reads this {
    sound() && stale == {} && inv_no_page_is_leaked() && (forall v :: 0 <= v < |pte| ==> pte[v] in used) &&
    forall v, w :: 0 <= v < w < |pte| ==> pte[v] != pte[w]
  }

  method alloc_page() returns (ok: bool, f: int)
    modifies this`buddy, this`used
    ensures !ok ==> buddy == old(buddy) && used == old(used)
    ensures ok ==> f in old(buddy) && buddy == old(buddy) - {f} && used == old(used) + {f}
  method free_page(f: int)
    requires f in used                          // not twice
    requires forall v :: 0 <= v < |pte| ==> pte[v] != f
    modifies this`buddy, this`used
    ensures buddy == old(buddy) + {f} && used == old(used) - {f}
  method set_pte_at(v: int, f: int)             // an address is mapped only while no TLB has an older translation of it
    requires 0 <= v < |pte| && pte[v] == none && v !in stale && f in used
    modifies this`pte
    ensures pte == old(pte)[v := f]
  method pte_clear(v: int)
    requires 0 <= v < |pte|
    modifies this`pte, this`stale
    ensures pte == old(pte)[v := none]
    ensures stale == (if old(pte)[v] == none then old(stale) else old(stale) + {v})
  method flush_tlb() modifies this`stale ensures stale == {}
  method may_fail() returns (ok: bool)

  // Frees pages[0 .. end-1].
  method free_allocated_pages(end: int)
    requires sound() && 0 <= end <= |pages|
    requires forall v :: 0 <= v < end ==> pages[v] in used && forall w :: 0 <= w < |pte| ==> pte[w] != pages[v]
    requires forall v, w :: 0 <= v < w < end ==> pages[v] != pages[w]
    modifies this`buddy, this`used
    ensures sound() && buddy + used == old(buddy) + old(used) && |buddy| == |old(buddy)| + end
    ensures forall f :: f in used <==> f in old(used) && f !in pages[..end]
  {
    var v := end;
    while v > 0
      invariant 0 <= v <= end && sound() && buddy + used == old(buddy) + old(used) && |buddy| == |old(buddy)| + end - v
      invariant forall f :: f in used <==> f in old(used) && f !in pages[v..end]
    {
      v := v - 1;
      assert pages[v..end] == [pages[v]] + pages[v + 1..end];
      free_page(pages[v]);
    }
    assert pages[0..end] == pages[..end];
  }

  // pcpu_alloc_pages(): CPU by CPU, page by page. On failure exactly what was allocated goes back.
  method pcpu_alloc_pages() returns (ok: bool)
    requires unpopulated()
    modifies this`buddy, this`used, this`pages
    ensures sound() && buddy + used == old(buddy) + old(used)
    ensures !ok ==> used == {} && buddy == old(buddy)
    ensures ok ==> |buddy| == |old(buddy)| - |pages| && (forall v :: 0 <= v < |pages| ==> pages[v] in used)
    ensures ok ==> (forall f :: f in used ==> f in pages) && forall v, w :: 0 <= v < w < |pages| ==> pages[v] != pages[w]
  {
    var v := 0;
    while v < cpus * nr
      invariant sound() && 0 <= v <= |pages| && buddy + used == old(buddy) + old(used) && |buddy| == |old(buddy)| - v
      invariant forall f :: f in used <==> f in pages[..v]
      invariant forall w :: 0 <= w < v ==> pages[w] in used
      invariant forall w, x :: 0 <= w < x < v ==> pages[w] != pages[x]
    {
      var got, f := alloc_page();
      if !got {
        free_allocated_pages(v);
        ok := false;
        return;
      }
      pages := pages[v := f];
      assert pages[..v + 1] == pages[..v] + [f];
      v := v + 1;
    }
    assert pages[..v] == pages;
    ok := true;
  }

  method unmap_range(start: int, end: int)
    requires sound() && 0 <= start <= end <= |pte|
    modifies this`pte, this`stale
    ensures |pte| == |old(pte)| && forall v :: 0 <= v < |pte| ==> pte[v] == if start <= v < end then none else old(pte)[v]
  {
    var v := start;
    while v < end
      invariant start <= v <= end && |pte| == |old(pte)|
      invariant forall w :: 0 <= w < |pte| ==> pte[w] == if start <= w < v then none else old(pte)[w]
    { pte_clear(v); v := v + 1; }
  }

  // pcpu_map_pages(): a CPU's run is mapped by one call that may stop anywhere; then all CPUs up to and with this one are unmapped.
  method pcpu_map_pages() returns (ok: bool)
    requires sound() && stale == {} && (forall v :: 0 <= v < |pte| ==> pte[v] == none && pages[v] in used)
    modifies this`pte, this`stale
    ensures |pte| == |old(pte)| && stale == {}
    ensures ok ==> pte == pages
    ensures !ok ==> forall v :: 0 <= v < |pte| ==> pte[v] == none
  {
    var cpu := 0;
    while cpu < cpus
      invariant 0 <= cpu <= cpus && |pte| == cpus * nr && stale == {} && 0 <= cpu * nr <= |pte|
      invariant forall v :: 0 <= v < |pte| ==> pte[v] == if v < cpu * nr then pages[v] else none
    {
      Runs(cpu, cpus, nr);
      var v := cpu * nr;
      while v < (cpu + 1) * nr
        invariant cpu * nr <= v <= (cpu + 1) * nr <= |pte| == cpus * nr && stale == {}
        invariant forall w :: 0 <= w < |pte| ==> pte[w] == if w < v then pages[w] else none
      {
        var mapped := may_fail();
        if !mapped {
          unmap_range(0, (cpu + 1) * nr);
          flush_tlb();
          ok := false;
          return;
        }
        set_pte_at(v, pages[v]);
        v := v + 1;
      }
      cpu := cpu + 1;
    }
    Last(cpu, cpus, nr);
    ok := true;
  }

  // pcpu_populate_chunk(): all or nothing.
  method pcpu_populate_chunk() returns (ok: bool)
    requires unpopulated()
    modifies this`buddy, this`used, this`pages, this`pte, this`stale
    ensures buddy + used == old(buddy) + old(used)
    ensures ok ==> populated() && |buddy| == |old(buddy)| - cpus * nr
    ensures !ok ==> unpopulated() && buddy == old(buddy)
  {
    ok := pcpu_alloc_pages();
    if !ok { return; }
    ok := pcpu_map_pages();
    if !ok {
      free_allocated_pages(|pages|);
      assert pages[..|pages|] == pages;
      return;
    }
    assert forall f :: f in used ==> exists v :: 0 <= v < |pte| && pte[v] == f;
  }

  // pcpu_depopulate_chunk(): the frames go at once, the addresses not before the caller's flush.
  method pcpu_depopulate_chunk()
    requires populated()
    modifies this`buddy, this`used, this`pages, this`pte, this`stale
    ensures sound() && used == {} && buddy == old(buddy) + old(used) && |buddy| == |old(buddy)| + cpus * nr
    ensures forall v :: 0 <= v < |pte| ==> pte[v] == none
  {
    pages := pte;                               // pcpu_unmap_pages() finds them by the page table
    unmap_range(0, |pte|);
    free_allocated_pages(|pages|);
    assert pages[..|pages|] == pages;
  }

  // Reclaim undoes populate; and the addresses may be populated again.
  method round_trip() returns (ok: bool)
    requires unpopulated()
    modifies this
    ensures cpus == old(cpus) && nr == old(nr) && buddy == old(buddy) && unpopulated()
  {
    ok := pcpu_populate_chunk();
    if !ok { return; }
    pcpu_depopulate_chunk();
    flush_tlb();                                // pcpu_post_unmap_tlb_flush()
  }
}

lemma Runs(cpu: int, cpus: int, nr: int)
  requires 0 <= cpu < cpus && nr >= 1
  ensures 0 <= cpu * nr <= (cpu + 1) * nr <= cpus * nr
{
  var left := cpus - (cpu + 1);
  assert cpus * nr == (cpu + 1) * nr + left * nr;
}

lemma Last(cpu: int, cpus: int, nr: int)
  requires cpu == cpus
  ensures cpu * nr == cpus * nr
{}
