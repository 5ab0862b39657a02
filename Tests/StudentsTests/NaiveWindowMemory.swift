import Documents
import Foundation
import Operations
import Students

/// A window, a memory and a policy by their definition, in `Double`: the document read anew.
struct NaiveWindowMemory: NaiveTwin {
  let attention = StudentCase.geometry.attention
  private let window: AttentionWindow
  private let sinks: Int
  private let keys: BranchKeys
  private let policy: JSONValue
  /// Of the memory's features, or of the recurrent student that it is.
  private var features: NaiveStudent?
  private var recurrent: (any RecurrentTwin)?

  var isRecurrent: Bool { recurrent != nil }

  var parameters: [String: [Double]] {
    didSet {
      features?.parameters = parameters
      recurrent?.parameters = parameters
    }
  }

  /// nil for other mixers.
  init?(_ testCase: StudentCase, _ mixer: any TokenMixer) {
    guard testCase.mixerName == "window-memory" else { return nil }
    let document = testCase.document
    let softmax = document["window"]!
    let size = softmax["size"]?.intValue ?? 64
    window = softmax["kind"]?.stringValue == "terrace" ? .terrace(size) : .sliding(size)
    sinks = softmax["sinks"]?.intValue ?? 4
    policy = document["policy"]!
    var memory = document["memory"]!.objectValue!
    keys =
      memory["keys"]?.stringValue == "all"
      ? .all : .older(window, sinks: sinks)
    let kind = memory["kind"]!.stringValue!
    memory["mixer"] = .string(kind == "feature-map" ? "linear" : kind)
    let own = StudentCase(document: .object(memory))
    parameters = Dictionary(
      uniqueKeysWithValues: mixer.parameters.map { ($0.name, $0.value.elements.map(Double.init)) })
    features = NaiveStudent(own, mixer)
    recurrent =
      NaiveRAD(own, mixer) ?? NaiveGatedDeltaNet(own, mixer)
      ?? NaiveMamba2(own, mixer)
    if case .older(.sliding(let size), let sinks) = keys { recurrent?.delay = (size, sinks) }
  }

  func output(_ operands: MixerOperands, layout: SequenceLayout) -> [Double] {
    let (d, heads) = (attention.headDim, attention.queryHeads)
    let memories = recurrent?.output(operands, layout: layout)
    var output = [Double](repeating: 0, count: layout.rows * heads * d)
    for segment in layout.segments {
      for head in 0..<heads {
        let columns = { (x: [Double], heads: Int, head: Int, width: Int) in
          NaiveStudent.columns(x, segment, heads, head, width)
        }
        let keyHeads = attention.keyValueHeads
        let queries = columns(operands.queries, heads, head, d)
        let values = columns(operands.values, keyHeads, head / attention.group, d)
        let softmax = Naive.windowBranch(
          queries: queries, keys: columns(operands.keys, keyHeads, head / attention.group, d),
          values: values, headDim: d, scale: Double(attention.scale), window: window, sinks: sinks)
        let linear = features.map {
          let (q, k) = $0.features(operands, layout: layout)
          let f = q.count / layout.rows / heads
          return Naive.featureBranch(
            queryFeatures: columns(q, heads, head, f), keyFeatures: columns(k, heads, head, f),
            values: values, featureDim: f, headDim: d, keys: keys)
        }
        let memory =
          memories.map { columns($0, heads, head, d) }
          ?? Naive.branchQuotient(
            numerators: linear!.numerators, denominators: linear!.denominators.map { $0 + 1e-12 })
        let joined = join(softmax, memory, linear, queries: queries, head: head)
        for (index, row) in segment.rows.enumerated() {
          for column in 0..<d {
            output[(row * heads + head) * d + column] = joined[index * d + column]
          }
        }
      }
    }
    return output
  }

  /// One head of one sequence, `[count, headDim]`.
  private func join(
    _ softmax: NaiveBranch<Double>, _ memory: [Double], _ linear: NaiveBranch<Double>?,
    queries: [Double], head: Int
  ) -> [Double] {
    let d = attention.headDim
    let window = Naive.branchQuotient(
      numerators: softmax.numerators, denominators: softmax.denominators)
    let count = window.count / d
    let holds = (0..<count).map { holdsAny($0) }
    let memory = memory.indices.map { holds[$0 / d] ? memory[$0] : 0 }
    let mixed = { (share: (Int) -> Double, left: [Double], right: [Double]) in
      left.indices.map {
        let share = holds[$0 / d] ? share($0 / d) : 0
        return (1 - share) * left[$0] + share * right[$0]
      }
    }
    func number(_ name: String) -> Double { parameters[name]![head] }
    switch policy["kind"]!.stringValue! {
    case "shared":
      let isAbsolute = policy["units"]?.stringValue != "rowMax"
      let isAffine = policy["affineAttentionFactors"]?.boolValue ?? false
      let ratio =
        isAbsolute
        ? number("memory_log_factors")
        : (isAffine ? -number("window_factors") : log(1 + exp(-number("window_factors"))))
      return Naive.mergedBranches(
        window: softmax, memory: linear!, logRatio: ratio,
        units: isAbsolute ? .absolute : .rowMax)
    case "average":
      return mixed({ _ in 0.5 }, window, memory)
    case "normed-average":
      let share = parameters["memory_share"].map { sigmoid($0[head]) } ?? 0.5
      return mixed(
        { _ in share }, normed(window, "window_norm", head), normed(memory, "memory_norm", head))
    case "alpha-sum":
      return zip(memory, window).map { $0 + number("window_alpha") * $1 }
    case "gated":
      let weight = parameters["memory_gate.weight"]!
      let gates = (0..<count).map { row in
        sigmoid(
          (0..<d).reduce(number("memory_gate.bias")) {
            $0 + queries[row * d + $1] * weight[head * d + $1]
          })
      }
      return mixed({ gates[$0] }, window, memory)
    default:
      let weight = parameters["memory_projection"]!
      return window.indices.map { index in
        let (row, column) = (index / d, index % d)
        return (0..<d).reduce(window[index]) {
          $0 + memory[row * d + $1] * weight[(head * d + $1) * d + column]
        }
      }
    }
  }

  private func holdsAny(_ position: Int) -> Bool {
    if case .older(let window, let sinks) = keys { return window.start(of: position) > sinks }
    return true
  }

  private func normed(_ x: [Double], _ name: String, _ head: Int) -> [Double] {
    let d = attention.headDim
    return x.indices.map { index in
      let row = index / d * d
      let square = (0..<d).reduce(0.0) { $0 + x[row + $1] * x[row + $1] } / Double(d)
      return x[index] / (square + 1e-6).squareRoot() * parameters[name]![head * d + index % d]
    }
  }

  private func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
}
