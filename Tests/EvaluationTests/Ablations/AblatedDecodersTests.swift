import Documents
import Operations
import Results
import Students
import TensorCore
import Testing
import Transformers

@testable import Evaluation

@Suite struct AblatedDecodersTests {
  private func student(_ document: JSONValue) throws -> Decoder {
    let decoder = try tinyDecoder()
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    try decoder.install(specification, seed: 1, location: "tiny")
    return decoder
  }

  private func loss(_ decoder: Decoder) -> Double {
    PerplexityMeasurement(decoder, clock: { 0 }).run([
      EvaluationSequence(tokens: randomTokens(60, seed: 5))
    ]).meanLoss
  }

  @Test func `A hybrid has four rows beside it, described`() throws {
    let rows = AblatedDecoders(
      student: try student(["mixer": "terrace-window", "windowSize": 4]),
      teacher: try tinyDecoder()
    ).rows
    #expect(
      rows.map(\.variant) == [.windowOnly, .memoryOnly, .noAttention, .teacherWindowSinks])
    #expect(rows[0].detail == "terrace window of 4")
    #expect(rows[3].detail == "terrace window of 4, first 4 tokens kept, untrained")
  }

  @Test func `Any memory beside any window has the same rows, each in its own words`() throws {
    for (memory, detail) in [
      (["keys": "older"], "the keys beyond the window, without softmax"),
      (["kind": "qlinatt", "rotary": false], "all keys, without softmax"),
    ] as [(JSONValue, String)] {
      let rows = AblatedDecoders(
        student: try student([
          "memory": memory, "window": ["size": 4, "sinks": 2], "policy": ["kind": "gated"],
        ]), teacher: try tinyDecoder()
      ).rows
      #expect(
        rows.map(\.variant) == [.windowOnly, .memoryOnly, .noAttention, .teacherWindowSinks])
      #expect(rows[0].detail == "sliding window of 4, first 2 tokens kept")
      #expect(rows[1].detail == detail)
      #expect(Set(rows.map { loss($0.decoder) }).count == 4)
    }
  }

  @Test func `A pure linear student is held against a plain window with sinks`() throws {
    let rows = AblatedDecoders(
      student: try student(["mixer": "linear"]), teacher: try tinyDecoder()
    ).rows
    #expect(rows.map(\.variant) == [.noAttention, .teacherWindowSinks])
    #expect(rows[1].detail == "sliding window of 64, first 4 tokens kept, untrained")
  }

  @Test func `A window that holds the whole text is the teacher, and leaves nothing to linear`()
    throws
  {
    let teacher = try tinyDecoder()
    let rows = AblatedDecoders(
      student: try student(["mixer": "sliding-window", "windowSize": 64]), teacher: teacher
    ).rows
    let expected = loss(teacher)
    for row in rows where [.windowOnly, .teacherWindowSinks].contains(row.variant) {
      #expect(abs(loss(row.decoder) - expected) < 1e-5)
    }
    let silent = rows.filter { [.memoryOnly, .noAttention].contains($0.variant) }.map {
      loss($0.decoder)
    }
    #expect(silent.count == 2 && abs(silent[0] - silent[1]) < 1e-6)
    #expect(abs(silent[0] - expected) > 1e-3)
  }

  @Test func `Layers that keep softmax keep it in every row, and adapters stay`() throws {
    let decoder = try student([
      "mixer": "sliding-window", "windowSize": 3, "softmaxLayers": [0],
    ])
    decoder.addAdapters([.queries], rank: 2, alpha: 4, dropout: 0, seed: 9)
    let rows = AblatedDecoders(student: decoder, teacher: try tinyDecoder()).rows
    for row in rows {
      #expect(row.decoder.layers[0].mixer is SoftmaxAttentionMixer)
      #expect(!(row.decoder.layers[1].mixer is SoftmaxAttentionMixer))
      let isTeacher = row.variant == .teacherWindowSinks
      #expect(row.decoder.layers[1].adapters.isEmpty == isTeacher)
    }
  }

  @Test func `A decoder without a converted layer has no rows`() throws {
    #expect(AblatedDecoders(student: try tinyDecoder(), teacher: try tinyDecoder()).rows.isEmpty)
  }
}
