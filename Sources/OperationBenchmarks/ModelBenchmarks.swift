import Corpus
import Differentiation
import Documents
import Foundation
import Models
import Operations
import Pipeline
import Students
import TensorCore
import Transformers

/// Forward, transfer, adaptation, long sequences and decoding of one model.
struct ModelBenchmarks {
  let model: LoadedModel
  /// Tokens of the longest sequence that is timed.
  static let longest = 4096

  /// `longest` at least.
  let tokens: [Int32]
  let isQuick: Bool
  /// GFLOP/s of a matrix product in this run.
  let rate: Double

  var decoder: Decoder { model.decoder }
  var runs: Int { isQuick ? 3 : 7 }

  func run() throws {
    let length = 1024
    let window = Array(tokens[..<length])
    let layout = SequenceLayout(length: length)
    let targets = Array(window[1...]) + [ignoredTarget]
    report("teacher forward with loss, 1024 tokens", tokens: length) {
      let hidden = decoder.hiddenStates(window, layout: layout, on: Tape(isRecording: false))
      _ = linearCrossEntropy(
        hidden.value, head: decoder.head, targets: targets, gradientScale: nil)
    }
    let student = try makeStudent()
    report("attention transfer, 1024 tokens", tokens: length) {
      transfer(student, window, layout)
    }
    BufferPool.shared.drain()
    print("  peak memory so far \(ProcessMemory.peakBytes >> 20) MiB")
    student.addAdapters(
      AttentionProjection.allCases, rank: 8, alpha: 16, dropout: 0, seed: 0)
    for layer in student.layers {
      for parameter in layer.mixer.parameters { parameter.isTrainable = false }
    }
    report("low-rank adaptation, 1024 tokens", tokens: length) {
      adapt(student, window, layout, targets)
    }
    print("  peak memory so far \(ProcessMemory.peakBytes >> 20) MiB")
    studentCost(student)
    try decoding("student", student, contexts: [512, 7000])
    try decoding("teacher", decoder, contexts: [512, 7000])
    BufferPool.shared.drain()
    try radlads()
  }

  func makeStudent() throws -> Decoder {
    try makeStudent(["mixer": "terrace-window", "windowSize": 64])
  }

  func makeStudent(_ document: JSONValue) throws -> Decoder {
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    let student = Decoder(configuration: decoder.configuration, weights: decoder.weights)
    try student.install(specification, seed: 0, location: model.location)
    return student
  }

  func transfer(_ student: Decoder, _ tokens: [Int32], _ layout: SequenceLayout) {
    let pass = ForwardPass(
      layout, on: Tape(isRecording: false), shared: SharedValues(detaches: true))
    decoder.forEachLayer(tokens, pass) { visit in
      let target = visit.layer.teacherMixer.forward(visit.input, on: pass.tape)
      let graph = Tape()
      let output = student.layers[visit.layer.index].mixer.forward(visit.input, on: graph)
      let (_, gradient) = meanSquaredError(
        output.value, target.value, layout: layout, weight: 1000)
      graph.backward(from: [(output, gradient)])
      return visit.finish(attention: target)
    }
    for (_, parameter) in student.parameters { parameter.gradient = nil }
  }

  private func adapt(
    _ student: Decoder, _ tokens: [Int32], _ layout: SequenceLayout, _ targets: [Int32]
  ) {
    let tape = Tape()
    let hidden = student.hiddenStates(tokens, layout: layout, on: tape)
    let (_, _, gradient) = linearCrossEntropy(
      hidden.value, head: student.head, targets: targets, gradientScale: 1e-3)
    tape.backward(from: [(hidden, gradient!)])
    for (_, parameter) in student.parameters { parameter.gradient = nil }
  }

  /// Cost of a token in the student's parallel form at two lengths, in turn.
  private func studentCost(_ student: Decoder) {
    let cost = { (length: Int) -> Double in
      let window = Array(tokens[..<length])
      let start = ProcessInfo.processInfo.systemUptime
      _ = student.hiddenStates(
        window, layout: SequenceLayout(length: length), on: Tape(isRecording: false))
      return (ProcessInfo.processInfo.systemUptime - start) / Double(length)
    }
    _ = cost(512)
    let ratios = (0..<runs).map { _ in
      let short = (0..<8).map { _ in cost(512) }.reduce(0, +) / 8
      return cost(Self.longest) / short
    }
    print(
      String(
        format: "student's cost a token, 4096 over 512   %8.3f (median of %d pairs)",
        ratios.sorted()[runs / 2], runs))
  }

  /// Tokens a second of decoding at two depths of context, in turn.
  func decoding(_ name: String, _ model: Decoder, contexts: [Int]) throws {
    let sessions = contexts.map { context in
      let session = DecodingSession(model)
      // Text again and again where there is too little of it.
      for start in stride(from: 0, to: context, by: 512) {
        let rows = start..<min(context, start + 512)
        _ = session.advance(rows.map { tokens[$0 % tokens.count] })
      }
      return session
    }
    let count = isQuick ? 8 : 64
    var times = [[Double]](repeating: [], count: contexts.count)
    for index in 0..<count {
      for (position, session) in sessions.enumerated() {
        times[position].append(
          Benchmarks.seconds { _ = session.logits(after: [tokens[index]]) })
      }
    }
    let medians = times.map { $0.sorted()[count / 2] }
    print(
      String(
        format:
          "%@ decoding at %d / %d tokens   %6.1f / %6.1f tokens/s, ratio %.3f, state %d / %d KiB",
        name, contexts[0], contexts[1], 1 / medians[0], 1 / medians[1], medians[0] / medians[1],
        sessions[0].stateBytes >> 10, sessions[1].stateBytes >> 10))
  }

  private func report(_ name: String, tokens: Int, _ body: () -> Void) {
    let seconds = Benchmarks.median(runs, body)
    print(
      name.padding(toLength: 38, withPad: " ", startingAt: 0)
        + String(format: "  %8.1f tokens/s", Double(tokens) / seconds))
  }
}
