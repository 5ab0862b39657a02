import Differentiation
import Operations
import Results
import Students
import TensorCore
import Testing
import Transformers

@testable import Evaluation

@Suite struct LayerScorerTests {
  private static let window = AttentionWindow.sliding(6)

  private func mixer(_ decoder: Decoder) -> SoftmaxWindowMixer {
    SoftmaxWindowMixer(decoder.configuration.attention, window: Self.window, sinks: 1)
  }

  private func probes() -> SelectionProbes {
    var probes = SelectionProbes()
    probes.add(
      text: [
        EvaluationSequence(tokens: randomTokens(30, seed: 1)),
        EvaluationSequence(tokens: randomTokens(5, seed: 2)),
      ], beyond: 7)
    for (kind, seed) in [(RecallTask.Kind.associative, 3), (.passkey, 4)] {
      probes.add(
        RecallTask(
          kind: kind, length: 24,
          sequences: [
            EvaluationSequence(tokens: randomTokens(24, seed: UInt64(seed)), scoring: [12, 20, 23])
          ]))
    }
    return probes
  }

  /// Measures of one model by itself, in whole passes.
  private func measures(_ model: Decoder, teacher: Decoder) -> SelectionResult.Measures {
    let hidden = { (decoder: Decoder, sequence: EvaluationSequence) in
      decoder.hiddenStates(
        sequence.tokens, layout: sequence.layout, on: Tape(isRecording: false)
      ).value
    }
    let probes = probes()
    var measures = SelectionResult.Measures()
    for pass in probes.passes {
      if pass.purpose == .divergence {
        let (values, _) = linearKLDivergence(
          hidden(teacher, pass.sequence), head: teacher.head,
          to: hidden(model, pass.sequence), head: model.head)
        measures.divergence =
          pass.rows.reduce(0) { $0 + values[$1] } / Double(pass.rows.count)
        continue
      }
      let (losses, isArgmax, _) = linearCrossEntropy(
        hidden(model, pass.sequence), head: model.head, targets: pass.sequence.targets,
        gradientScale: nil)
      let loss = pass.rows.reduce(0) { $0 + Double(losses[$1]) } / Double(pass.rows.count)
      let right = Double(pass.rows.count { isArgmax[$0] }) / Double(pass.rows.count)
      if pass.purpose == .associative {
        (measures.recallLoss, measures.recall) = (loss, right)
      } else {
        (measures.passkeyLoss, measures.passkey) = (loss, right)
      }
    }
    return measures
  }

  private func difference(
    _ left: SelectionResult.Measures, _ right: SelectionResult.Measures
  ) -> Double {
    let values = { (measures: SelectionResult.Measures) in
      [
        measures.divergence, measures.recallLoss, measures.recall, measures.passkeyLoss,
        measures.passkey,
      ].map { $0 ?? .nan }
    }
    return zip(values(left), values(right)).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  @Test(arguments: [Set<Int>(), [0, 1, 2, 3], [1], [0, 3]])
  func `A model of a sweep measures what it measures by itself`(softmax: Set<Int>) throws {
    let teacher = try tinyDecoder(layers: 4)
    let mixer = mixer(teacher)
    let scorer = LayerScorer(
      teacher, linear: [any TokenMixer](repeating: mixer, count: 4), probes: probes())
    let sweep = scorer.sweep(softmax: softmax, changing: [0, 1, 3]) { _ in }
    let model = { (softmax: Set<Int>) in
      teacher.replacingMixers { softmax.contains($0.index) ? nil : mixer }
    }
    // The heads' rows are computed in tiles of another height.
    #expect(difference(sweep.base, measures(model(softmax), teacher: teacher)) < 1e-5)
    #expect(sweep.changed.keys.sorted() == [0, 1, 3])
    for (layer, found) in sweep.changed {
      let expected = measures(model(softmax.symmetricDifference([layer])), teacher: teacher)
      #expect(difference(found, expected) < 1e-5, "layer \(layer)")
    }
    if softmax.count == 4 { #expect(sweep.base.divergence! < 1e-6) }
    #expect(sweep.changed[0] != sweep.changed[3])
  }

  @Test func `Predictions are compared where the context reaches beyond the window`() {
    let pass = probes().passes[0]
    #expect(pass.rows == Array(7..<30))
    var short = SelectionProbes()
    short.add(text: [EvaluationSequence(tokens: randomTokens(5, seed: 1))], beyond: 7)
    #expect(short.passes[0].rows == Array(0..<5))
    var long = SelectionProbes()
    long.add(text: [EvaluationSequence(tokens: randomTokens(1000, seed: 1))], beyond: 100)
    let rows = long.passes[0].rows
    #expect(rows.count == SelectionProbes.comparedRows && rows.first == 100 && rows.last! > 990)
  }

  @Test func `A sweep costs its candidates the layers from their own on`() throws {
    let teacher = try tinyDecoder(layers: 4)
    let scorer = LayerScorer(
      teacher, linear: [any TokenMixer](repeating: mixer(teacher), count: 4), probes: probes())
    let tokens = 35 + 24 + 24
    #expect(scorer.tokens(changing: []) == tokens)
    // Layer 0 costs a pass, layer 2 half of one: 207.5.
    #expect(scorer.tokens(changing: [0, 2]) == 208)
    var told = 0
    _ = scorer.sweep(softmax: [], changing: [0, 2]) { told += $0 }
    #expect(told == 35 * 2 + 35 / 2 + 2 * (24 * 2 + 12))
  }
}
