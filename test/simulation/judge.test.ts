import assert from 'node:assert/strict'
import { AppliedTruth, ShownEntries } from '../../testnet/simulation/authorities/applied-truth.ts'
import { LogTruth } from '../../testnet/simulation/authorities/log-truth.ts'
import { ReplicaLog } from '../../testnet/simulation/authorities/replica-log.ts'

/** Logs of one instance on several nodes, under one truth. */
class Cluster {
  readonly findings: string[] = []
  readonly truth = new LogTruth('area', problem => this.findings.push(problem))
  readonly #logs = new Map<number, ReplicaLog>()

  log(node: number): ReplicaLog {
    const log = this.#logs.get(node) ?? this.newLife(node)
    this.#logs.set(node, log)
    return log
  }

  newLife(node: number): ReplicaLog {
    const log = new ReplicaLog(`n${node}`, this.truth, problem => this.findings.push(problem))
    this.#logs.set(node, log)
    return log
  }

  /** Entries of these terms from index 1 on; one entry has one content. */
  holds(node: number, ...terms: number[]): ReplicaLog {
    for (const [i, term] of terms.entries()) this.log(node).put(i + 1, term, 100 * term + i + 1, false)
    return this.log(node)
  }

  shown(node: number, applied: number): ShownEntries {
    return new ShownEntries(`n${node}`, this.truth, applied, problem => this.findings.push(problem))
  }
}

function findingsOf(run: (cluster: Cluster) => void): string[] {
  const cluster = new Cluster()
  run(cluster)
  return cluster.findings
}

describe('the judge of logs', () => {
  it('finds nothing in a term that is replicated, committed, cut from behind and taken over by the next', () => {
    const findings = findingsOf(cluster => {
      for (const node of [1, 2, 3]) cluster.holds(node, 1, 1)
      cluster.log(1).leads(1, 0)
      cluster.log(1).hardState({ term: 1, vote: 1, commit: 2 })
      cluster.log(1).put(3, 1, 7, false)
      cluster.log(2).put(3, 2, 8, true)
      cluster.log(1).put(3, 2, 8, true)
      cluster.log(2).hardState({ term: 2, vote: 2, commit: 3 })
      cluster.log(1).snapshot(2, 1)
      cluster.log(1).remove(1)
      cluster.log(1).remove(2)
      const late = cluster.newLife(3)
      late.snapshot(3, 2)
      late.put(4, 2, 9, false)
      cluster.holds(2, 1, 1).put(4, 2, 9, false)
    })
    assert.deepEqual(findings, [])
  })

  it('finds unequal content of one index and term', () => {
    const findings = findingsOf(cluster => {
      cluster.log(1).put(1, 1, 5, false)
      cluster.log(2).put(1, 1, 6, false)
    })
    assert.deepEqual(findings, ['area: n2 holds another entry 1 of term 1 than somebody else'])
  })

  it('finds equal entries after unequal ones', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1, 2)
      cluster.log(1).put(3, 3, 7, false)
      cluster.holds(2, 1, 1)
      cluster.log(2).put(3, 3, 7, false)
    })
    assert.deepEqual(findings, ['area: n2 holds entry 3 of term 3 after other entries than somebody else'])
  })

  it('finds two leaders of one term by what they write', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1, 2)
      cluster.holds(2, 1, 1, 2)
    })
    assert.deepEqual(findings, ['area: two leaders of term 2: their first entries are 2 and 3'])
  })

  it('finds a leader that lacks what was committed before, whichever is seen first', () => {
    const lacks = 'area: the leader of term 3 lacks entry 2, which was committed before'
    const before = findingsOf(cluster => {
      cluster.holds(1, 1, 2).hardState({ term: 2, vote: 1, commit: 2 })
      cluster.holds(2, 1, 3)
    })
    assert.deepEqual(before, [lacks])
    const after = findingsOf(cluster => {
      cluster.holds(2, 1, 1, 3)
      cluster.holds(1, 1, 2).hardState({ term: 2, vote: 1, commit: 2 })
    })
    assert.deepEqual(after, [lacks])
  })

  it('lets a leader lack what only a later one committed', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1, 2)
      cluster.holds(2, 1, 1, 3)
      cluster.holds(1, 1, 2, 4).hardState({ term: 4, vote: 1, commit: 3 })
    })
    assert.deepEqual(findings, [])
  })

  it('finds two entries committed at one index', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1).hardState({ term: 2, vote: 0, commit: 1 })
      cluster.holds(2, 2).hardState({ term: 2, vote: 0, commit: 1 })
    })
    assert.deepEqual(findings, ['area: n2 takes entry 1 of term 2 for committed, but that of term 1 is'])
  })

  it('knows what the leader of a term holds: what it began with, and all of its own term', () => {
    const cluster = new Cluster()
    cluster.holds(1, 1, 1, 3, 3)
    cluster.holds(2, 1, 2, 2)
    const { truth } = cluster
    const held = (term: number): string =>
      [1, 2, 3].map(index => [1, 2, 3].filter(each => truth.isOfLeader(term, index, each)).join()).join(' ')
    assert.equal(held(3), '1,3 1,3 3')
    assert.equal(held(2), '1,2 2 2')
    assert.equal(held(9), '1,2,3 1,2,3 1,2,3', 'nobody has heard of it')
    assert.deepEqual(cluster.findings, [])
  })

  it('finds an older term committed by counting', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1, 2, 4).leads(4, 1)
      cluster.log(1).hardState({ term: 4, vote: 1, commit: 2 })
    })
    assert.deepEqual(findings, [
      'n1: it leads in term 4 and takes entry 2 of term 2 for committed by counting',
    ])
  })

  it('lets one that led in this term, and lost the lead, hear from others that an older entry is committed', () => {
    const findings = findingsOf(cluster => {
      cluster.holds(1, 1, 2, 4).leads(4, 1)
      cluster.log(1).leadsNoMore()
      cluster.log(1).hardState({ term: 4, vote: 1, commit: 2 })
    })
    assert.deepEqual(findings, [])
  })

  it('finds committed entries given up: replaced, removed, or under a snapshot that lacks them', () => {
    const committed = (cluster: Cluster): ReplicaLog => {
      cluster.holds(1, 1, 1, 1).hardState({ term: 1, vote: 1, commit: 2 })
      cluster.holds(2, 1, 1, 1)
      return cluster.log(2)
    }
    const given = ['n2: it gives up entry 2, which was committed']
    assert.deepEqual(
      findingsOf(cluster => committed(cluster).remove(2)),
      given,
    )
    const replaced = findingsOf(cluster => committed(cluster).put(2, 2, 9, false))
    assert.ok(replaced.includes(given[0]!), replaced.join())
    assert.deepEqual(
      findingsOf(cluster => committed(cluster).remove(3)),
      [],
    )
  })

  it('finds a hard state that goes back, votes twice, or commits past its log', () => {
    const first = { term: 3, vote: 2, commit: 2 }
    const changed = (change: object): string[] =>
      findingsOf(cluster => {
        const log = cluster.holds(1, 1, 3)
        log.hardState(first)
        log.hardState({ ...first, ...change })
      })
    assert.deepEqual(changed({ term: 2 }), ['n1: its term goes back from 3 to 2'])
    assert.deepEqual(changed({ vote: 1 }), ['n1: it votes for n2 and for n1 in term 3'])
    assert.deepEqual(changed({ commit: 1 }), ['n1: its commit index goes back from 2 to 1'])
    assert.deepEqual(changed({ commit: 3 }), ['n1: its commit index 3 is past its log, which ends at 2'])
    assert.deepEqual(changed({ term: 4, vote: 1 }), [])
  })

  it('finds a log with a gap, and a snapshot of what nobody wrote', () => {
    const gap = findingsOf(cluster => cluster.holds(1, 1).put(3, 1, 9, false))
    assert.deepEqual(gap, ['n1: entry 3 is written to a log that ends at 1'])
    const snapshot = findingsOf(cluster => cluster.log(1).snapshot(3, 1))
    assert.deepEqual(snapshot, ['n1: its snapshot is of entry 3 of term 1, which no log holds'])
  })
})

describe('the judge of state machines', () => {
  const held = (cluster: Cluster): Cluster => {
    cluster.log(1).put(1, 1, 101, true)
    cluster.log(1).put(2, 1, 102, false)
    cluster.log(1).put(3, 1, 103, false)
    return cluster
  }

  it('lets a replica be shown each entry in order, and pass over what is only of Raft', () => {
    const findings = findingsOf(cluster => {
      const node = held(cluster).shown(2, 0)
      node.show(2, 1, 102, 1)
      node.apply(2)
      node.show(2, 1, 102, 1)
      node.show(3, 1, 103, 1)
      node.apply(3)
    })
    assert.deepEqual(findings, [])
  })

  it('finds an entry that is passed over, applied again, changed, or in no log', () => {
    const shown = (run: (node: ShownEntries) => void): string[] =>
      findingsOf(cluster => run(held(cluster).shown(2, 1)))
    assert.deepEqual(
      shown(node => node.show(3, 1, 103, 1)),
      ['n2: entry 2 is passed over before entry 3'],
    )
    assert.deepEqual(
      shown(node => node.show(2, 1, 999, 1)),
      ['n2: it is shown another entry 2 than the logs hold'],
    )
    assert.deepEqual(
      shown(node => node.show(4, 1, 104, 1)),
      ['n2: it is shown entry 4 of term 1, which no log holds'],
    )
    const again = shown(node => {
      node.show(2, 1, 102, 1)
      node.apply(2)
      node.apply(2)
    })
    assert.deepEqual(again, ['n2: it applies entry 2 after entry 2'])
    assert.deepEqual(
      shown(node => node.apply(2)),
      ['n2: it applies entry 2, which it was not shown'],
    )
  })

  it('lets a life go on from what a catch-up of the last one had applied, though Raft does not know of it', () => {
    const findings = findingsOf(cluster => {
      const node = held(cluster).shown(2, 2)
      node.show(2, 1, 102, 1)
      node.show(3, 1, 103, 1)
      node.apply(3)
    })
    assert.deepEqual(findings, [])
  })

  it('finds another entry applied at an index than elsewhere', () => {
    const findings = findingsOf(cluster => {
      held(cluster).shown(1, 1).show(2, 1, 102, 2)
      cluster.log(2).put(1, 1, 101, true)
      cluster.log(2).put(2, 2, 202, false)
      cluster.shown(2, 1).show(2, 2, 202, 2)
    })
    assert.deepEqual(findings, ['area: n2 takes entry 2 of term 2 for committed, but that of term 1 is'])
  })

  it('finds unequal results of one entry', () => {
    const findings: string[] = []
    const applied = new AppliedTruth('area', problem => findings.push(problem))
    applied.result('n1', 4, 77)
    applied.result('n2', 4, 77)
    applied.result('n3', 4, 78)
    assert.deepEqual(findings, ['area: n3 makes something else of entry 4 than others'])
  })
})
