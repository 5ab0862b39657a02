import Differentiation
import Operations
import Results
import Students
import TensorCore
import Transformers

/// A teacher some of whose layers are linear, measured for many such models at once.
///
/// Models that differ in one layer have the layers below it in common. So a sweep carries one
/// stream through the model that they are all made from, and leaves it at every candidate with that
/// layer changed: a candidate costs the layers from its own on.
public struct LayerScorer {
  private let teacher: Decoder
  /// What a layer has in the place of softmax.
  private let linear: [any TokenMixer]
  private let probes: SelectionProbes
  /// The teacher's final hidden states in the rows that are compared, a pass each; nil for passes
  /// that are not compared.
  private let references: [Tensor?]

  /// - Parameters:
  ///   - linear: one a layer, none of which shares values with another.
  ///   - probes: within the model's positions.
  public init(_ teacher: Decoder, linear: [any TokenMixer], probes: SelectionProbes) {
    precondition(linear.count == teacher.layers.count, "\(linear.count) mixers for the layers")
    self.teacher = teacher
    self.linear = linear
    self.probes = probes
    references = probes.passes.map { pass in
      guard pass.purpose == .divergence else { return nil }
      let hidden = teacher.hiddenStates(
        pass.sequence.tokens, layout: pass.sequence.layout, on: Tape(isRecording: false))
      return Self.rows(pass.rows, of: hidden.value)
    }
  }

  private static func rows(_ rows: [Int], of x: Tensor) -> Tensor {
    embedding(rows.map(Int32.init), table: StoredTensor(x))
  }

  /// Layers of the teacher.
  public var layers: Int { teacher.layers.count }

  /// Tokens that a sweep reads, layers that were not run again counted as their share.
  public func tokens(changing candidates: [Int]) -> Int {
    let shares = candidates.reduce(Double(layers)) { $0 + Double(layers - $1) }
    return Int((shares / Double(layers) * Double(probes.tokens)).rounded())
  }

  /// Measures of the model whose given layers have softmax, and of each that differs from it in one
  /// of the candidates.
  ///
  /// - Parameter progress: called after every model of every pass with the tokens that it took; what
  ///   it throws ends the sweep.
  public func sweep(
    softmax: Set<Int>, changing candidates: [Int], progress: (_ tokens: Int) throws -> Void
  ) rethrows -> (base: SelectionResult.Measures, changed: [Int: SelectionResult.Measures]) {
    let base = teacher.replacingMixers { softmax.contains($0.index) ? nil : linear[$0.index] }
    var baseSums = ProbeSums()
    var changedSums = Dictionary(uniqueKeysWithValues: candidates.map { ($0, ProbeSums()) })
    for (index, pass) in probes.passes.enumerated() {
      let layout = pass.sequence.layout
      let tape = Tape(isRecording: false)
      let tokens = pass.sequence.tokens.count
      let end = try base.forEachLayer(pass.sequence.tokens, ForwardPass(layout, on: tape)) {
        visit in
        let layer = visit.layer.index
        if changedSums[layer] != nil {
          let mixer: any TokenMixer =
            softmax.contains(layer) ? linear[layer] : visit.layer.teacherMixer
          let stream = visit.finish(attention: mixer.forward(visit.input, on: tape))
          let rest = base.forEachLayer(
            stream, ForwardPass(layout, on: tape), in: Array(base.layers[(layer + 1)...])
          ) { $0.forward() }
          add(rest, of: index, on: tape, to: &changedSums[layer]!)
          try progress(tokens * (layers - layer) / layers)
        }
        return visit.forward()
      }
      add(end, of: index, on: tape, to: &baseSums)
      try progress(tokens)
    }
    return (baseSums.measures, changedSums.mapValues(\.measures))
  }

  /// - Parameter stream: behind the last layer.
  private func add(
    _ stream: Variable, of index: Int, on tape: Tape, to sums: inout ProbeSums
  ) {
    let pass = probes.passes[index]
    let hidden = Self.rows(pass.rows, of: teacher.finalNorm(stream, on: tape).value)
    if let reference = references[index] {
      let (divergences, _) = linearKLDivergence(
        reference, head: teacher.head, to: hidden, head: teacher.head)
      sums.divergence.add(divergences.reduce(0, +), right: 0, count: divergences.count)
      return
    }
    let (losses, isArgmax, _) = linearCrossEntropy(
      hidden, head: teacher.head, targets: pass.rows.map { pass.sequence.targets[$0] },
      gradientScale: nil)
    let loss = losses.reduce(0) { $0 + Double($1) }
    let right = isArgmax.count { $0 }
    if pass.purpose == .associative {
      sums.associative.add(loss, right: right, count: losses.count)
    } else {
      sums.passkey.add(loss, right: right, count: losses.count)
    }
  }
}

/// Sums over the passes of one model.
private struct ProbeSums {
  struct Sum {
    private var total = 0.0
    private var right = 0
    private var count = 0

    mutating func add(_ total: Double, right: Int, count: Int) {
      self.total += total
      self.right += right
      self.count += count
    }

    var mean: Double? { count == 0 ? nil : total / Double(count) }
    var share: Double? { count == 0 ? nil : Double(right) / Double(count) }
  }

  var divergence = Sum()
  var associative = Sum()
  var passkey = Sum()

  var measures: SelectionResult.Measures {
    SelectionResult.Measures(
      divergence: divergence.mean, recallLoss: associative.mean, recall: associative.share,
      passkeyLoss: passkey.mean, passkey: passkey.share)
  }
}
