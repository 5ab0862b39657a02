import Documents
import Operations
import Students
import Testing
import Transformers

@testable import Evaluation

@Suite struct GreedyAgreementTests {
  private func student(_ document: JSONValue) throws -> Decoder {
    let decoder = try tinyDecoder()
    let specification = try DocumentReader.read(document) { StudentSpecification($0) }
    try decoder.install(specification, seed: 1, location: "tiny")
    return decoder
  }

  /// Both decoded token by token.
  private func naive(_ teacher: Decoder, _ student: Decoder, _ prompt: [Int32]) -> Int {
    let continuations = [teacher, student].map { decoder in
      var tokens = prompt
      while tokens.count < prompt.count + GreedyAgreement.continuationTokens {
        let logits = DecodingSession(decoder).logits(after: tokens).elements
        tokens.append(Int32(logits.firstIndex(of: logits.max()!)!))
      }
      return tokens.dropFirst(prompt.count)
    }
    return zip(continuations[0], continuations[1]).prefix { $0 == $1 }.count
  }

  @Test func `It is as long as both say the same when each decodes by itself`() throws {
    let teacher = try tinyDecoder()
    let prompts = (0..<6).map { randomTokens(20 + $0, seed: UInt64($0)) }
    let agreement = GreedyAgreement(teacher, prompts: prompts) { _ in }
    #expect(agreement.prompts == 6)
    #expect(agreement.meanLength(of: teacher) == Double(GreedyAgreement.continuationTokens))
    for document in [
      ["window": ["size": 16], "memory": ["kind": "feature-map"]],
      ["mixer": "linear", "featureMap": ["kind": "relu"]],
    ] as [JSONValue] {
      let student = try student(document)
      let lengths = prompts.map { naive(teacher, student, $0) }
      #expect(
        agreement.meanLength(of: student) == Double(lengths.reduce(0, +)) / 6, "\(lengths)")
    }
  }

  @Test func `Prompts are beginnings of the longest documents, with room for what follows`() {
    let layout = SequenceLayout(
      rows: 50, segments: [.init(start: 0, count: 10), .init(start: 10, count: 40)])
    let tokens = randomTokens(50, seed: 1)
    let packed = EvaluationSequence(
      tokens: tokens, targets: [Int32](repeating: ignoredTarget, count: 50), layout: layout)
    let long = EvaluationSequence(tokens: randomTokens(900, seed: 2))
    let sequences = [packed, long, long]
    let prompts = GreedyAgreement.prompts(of: sequences, count: 2, limit: nil)
    #expect(prompts.map(\.count) == [40, GreedyAgreement.promptTokens])
    #expect(prompts[0] == Array(tokens[10...]))
    #expect(
      GreedyAgreement.prompts(of: sequences, count: 2, limit: 64).map(\.count) == [32, 32])
    #expect(GreedyAgreement.prompts(of: sequences, count: 2, limit: 32).isEmpty)
    #expect(GreedyAgreement.prompts(of: sequences, count: 0, limit: nil).isEmpty)
  }
}
