import Differentiation
import Foundation
import Operations
import Students
import TensorCore
import Training
import Transformers

// The stages of RADLADS on RAD-RWKV7, each in turn with what it is compared with.
extension ModelBenchmarks {
  /// Sequences and their tokens, as `recipes/radlads.json` takes them.
  private static let batch = SequenceLayout(sequences: 4, length: 512)

  func radlads() throws {
    let layout = Self.batch
    let batch = Array(tokens[..<layout.rows])
    let (lolcats, aligned) = (try makeStudent(), try makeStudent(["mixer": "rad-rwkv7"]))
    aligned.unfreezeWeights { $0.contains(".self_attn.") }
    let ratios = (0..<runs).map { _ in
      let theirs = Benchmarks.seconds { transfer(lolcats, batch, layout) }
      return theirs / Benchmarks.seconds { align(aligned, batch, layout) }
    }
    print(
      String(
        format: "output alignment over attention transfer %7.2fx tokens/s (median of %d pairs)",
        ratios.sorted()[runs / 2], runs))
    BufferPool.shared.drain()

    let student = try makeStudent(["mixer": "rad-rwkv7"])
    student.unfreezeWeights(untiesHead: true)
    let optimizer = AdamW(
      student.parameters.map(\.parameter),
      OptimizerSpecification(learningRate: 1e-5, clipGradientNorm: 1))
    let operations = Double(layout.rows) * distillationOperations(student)
    distil(student, optimizer, batch, layout)
    let steps = (0..<runs).map { _ -> (share: Double, speed: Double) in
      let before = Benchmarks.matrixProductRate()
      let seconds = Benchmarks.seconds { distil(student, optimizer, batch, layout) }
      let rate = (before + Benchmarks.matrixProductRate()) / 2
      return (operations / rate / seconds, Double(layout.rows) / seconds)
    }.sorted { $0.share < $1.share }
    print(
      String(
        format: "logit distillation, a step              %8.1f tokens/s, %.2f of what %.2f GFLOP a "
          + "token allow", steps[runs / 2].speed, steps[runs / 2].share,
        operations / Double(layout.rows) / 1e9))
    BufferPool.shared.drain()
    for mixer in ["rad-rwkv6", "rad-rwkv7"] {
      try decoding(mixer, makeStudent(["mixer": .string(mixer)]), contexts: [512, 32_768])
    }
  }

  /// Products with weights alone: the teacher's forward, the student's forward and its gradients
  /// for inputs and weights.
  private func distillationOperations(_ student: Decoder) -> Double {
    let head = decoder.configuration.vocabularySize * decoder.configuration.hiddenSize
    let matrices = student.parameters.filter {
      $0.parameter.isMatrix && !$0.name.hasPrefix("model.embed_tokens")
        && !$0.name.hasPrefix("lm_head")
    }.reduce(0) { $0 + $1.parameter.value.count }
    let teacher = decoder.weightShapes.filter {
      $0.shape.count == 2 && $0.name.hasPrefix("model.layers.")
    }.reduce(0) { $0 + $1.shape.reduce(1, *) }
    return 2 * Double(teacher + head) + 6 * Double(matrices + head)
  }

  private func align(_ student: Decoder, _ tokens: [Int32], _ layout: SequenceLayout) {
    let pass = ForwardPass(
      layout, on: Tape(isRecording: false), shared: SharedValues(detaches: true))
    decoder.forEachLayer(tokens, pass) { visit in
      let heads = visit.layer.teacherMixer.forward(visit.input, on: pass.tape)
      let target = visit.layer.attentionOutput(heads, on: pass.tape)
      let graph = Tape()
      let output = student.layers[visit.layer.index].attention(
        graph.constant(visit.normed.value), pass.on(graph))
      let (_, gradient) = rowDistance(output.value, target.value, layout: layout, weight: 1)
      graph.backward(from: [(output, gradient)])
      return visit.finish(added: target)
    }
    for (_, parameter) in student.parameters { parameter.gradient = nil }
  }

  /// A whole step, its optimizer included.
  private func distil(
    _ student: Decoder, _ optimizer: AdamW, _ tokens: [Int32], _ layout: SequenceLayout
  ) {
    let teacher = decoder.hiddenStates(tokens, layout: layout, on: Tape(isRecording: false))
    let tape = Tape()
    let hidden = student.hiddenStates(tokens, layout: layout, on: tape)
    _ = student.distillation(
      hidden, teacher: .hidden(teacher.value, head: decoder.head),
      counted: [Bool](repeating: true, count: layout.rows),
      targets: [Int32](repeating: ignoredTarget, count: layout.rows),
      scales: DistillationScales(divergence: 1 / Float(layout.rows), crossEntropy: 0), on: tape)
    optimizer.step(learningRate: 1e-5, norm: optimizer.gradientNorm)
  }
}
