import Operations
import TensorCore
import TestSupport
import Testing

@testable import Differentiation

/// Window and memory of one head and sequence, joined in every way that operations offer.
struct BranchGraph: Sendable, CustomTestStringConvertible {
  enum Join: Sendable, CaseIterable { case absolute, rowMax, sumOfQuotients }

  let join: Join
  let window: AttentionWindow
  let sinks: Int
  let rows: Int

  static let all = Join.allCases.flatMap { join in
    [AttentionWindow.sliding(5), .terrace(4)].flatMap { window in
      [(0, 9), (2, 40), (2, 70)].map {
        BranchGraph(join: join, window: window, sinks: $0.0, rows: $0.1)
      }
    }
  }

  var testDescription: String { "\(join), \(window), \(sinks) sinks, \(rows) rows" }

  static let d = 4
  static let f = 3
  private var keys: BranchKeys {
    join == .sumOfQuotients ? .all : .older(window, sinks: sinks)
  }
  private let attention = AttentionShape(queryHeads: 1, keyValueHeads: 1, headDim: d)

  func values() -> Values {
    var draw = TestValues(17)
    var values: Values = [:]
    for name in ["q", "k", "v"] { values[name] = draw.normal(rows * Self.d) }
    for name in ["fq", "fk"] { values[name] = draw.normal(rows * Self.f).map { abs($0) + 0.05 } }
    values["ratio"] = [-0.5]
    return values.mapValues { $0.map { Double(Float($0)) } }
  }

  func forward(_ tape: Tape, _ leaves: [String: Variable]) -> Variable {
    let layout = SequenceLayout(length: rows)
    let softmax = tape.windowBranch(
      queries: leaves["q"]!, keys: leaves["k"]!, values: leaves["v"]!, attention: attention,
      window: window, sinks: sinks, layout: layout)
    let linear = tape.featureBranch(
      queryFeatures: leaves["fq"]!, keyFeatures: leaves["fk"]!, values: leaves["v"]!,
      attention: attention, keys: keys, layout: layout)
    switch join {
    case .sumOfQuotients:
      return tape.add(
        tape.branchQuotient(softmax),
        tape.scaleHeads(tape.branchQuotient(linear), by: leaves["ratio"]!, heads: 1))
    case .absolute, .rowMax:
      return tape.mergedBranches(
        window: softmax, memory: linear, logRatios: leaves["ratio"]!,
        units: join == .absolute ? .absolute : .rowMax)
    }
  }

  func naive(_ v: Values) -> [Double] {
    let softmax = Naive.windowBranch(
      queries: v["q"]!, keys: v["k"]!, values: v["v"]!, headDim: Self.d,
      scale: Double(attention.scale), window: window, sinks: sinks)
    let linear = Naive.featureBranch(
      queryFeatures: v["fq"]!, keyFeatures: v["fk"]!, values: v["v"]!, featureDim: Self.f,
      headDim: Self.d, keys: keys)
    switch join {
    case .sumOfQuotients:
      let parts = [softmax, linear].map {
        Naive.branchQuotient(numerators: $0.numerators, denominators: $0.denominators)
      }
      return zip(parts[0], parts[1]).map { $0 + v["ratio"]![0] * $1 }
    case .absolute, .rowMax:
      return Naive.mergedBranches(
        window: softmax, memory: linear, logRatio: v["ratio"]![0],
        units: join == .absolute ? .absolute : .rowMax)
    }
  }
}

@Suite struct AttentionBranchGradientTests {
  @Test(arguments: BranchGraph.all)
  func `Every gradient through a join is the derivative of its definition`(graph: BranchGraph)
    throws
  {
    let values = graph.values()
    let tape = Tape()
    let leaves = Dictionary(
      uniqueKeysWithValues: values.map { name, x in
        (name, tape.leaf(tensor(x, name == "ratio" ? [1] : [graph.rows, x.count / graph.rows])))
      })
    let output = graph.forward(tape, leaves)
    #expect(relativeRMS(output.value.elements, graph.naive(values)) < 2e-6)
    var draw = TestValues(23)
    let seed = draw.normal(output.value.count)
    tape.backward(from: [(output, tensor(seed, output.value.shape))])
    for (name, leaf) in leaves.sorted(by: { $0.key < $1.key }) {
      let gradient = try #require(leaf.gradient, "\(name)")
      let error = directionalError(of: gradient.elements, at: values[name]!, floor: 1e-3) { moved in
        dot(graph.naive(values.merging([name: moved]) { $1 }), seed)
      }
      #expect(error < 2e-5, "\(name)")
    }
  }
}
