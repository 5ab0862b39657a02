import Documents
import Operations
import Students
import TensorCore
import TestSupport
import Testing
import Transformers

/// Sequences of several readers that get their tokens together.
@Suite struct DecodingTogetherTests {
  /// Sequences of different lengths join one after another, and one leaves: each has the logits, to the
  /// last bit, that it has alone.
  private func check(_ decoder: Decoder, _ tokens: [Int32]) {
    let prompts = (0..<6).map { index in Array(tokens[index..<2 * index + 2]) }
    let alone = prompts.map { DecodingSession(decoder, context: $0.count + 8) }
    let together = prompts.map { DecodingSession(decoder, context: $0.count + 8) }
    for (index, prompt) in prompts.enumerated() {
      _ = alone[index].advance(prompt)
      _ = together[index].advance(prompt)
    }
    let width = decoder.configuration.vocabularySize
    for step in 0..<8 {
      let members = Array([0..<1, 0..<2, 0..<4, 0..<5, 0..<6, 1..<6, 1..<6, 2..<5][step])
      let next = members.map { tokens[(3 * $0 + step) % tokens.count] }
      let logits = DecodingSession.logits(members.map { together[$0] }, after: next)
      #expect(logits.shape == [members.count, width])
      for (row, member) in members.enumerated() {
        let expected = alone[member].logits(after: [next[row]])
        #expect(copiedRows(logits, row..<row + 1).elements == expected.elements, "step \(step)")
        #expect(together[member].lastHidden!.elements == alone[member].lastHidden!.elements)
        #expect(together[member].position == alone[member].position)
      }
    }
  }

  @Test(arguments: TeacherGolden.all)
  func `sequences decoded together have the bits of each alone`(golden: TeacherGolden) throws {
    check(try golden.teacher(), try golden.tokens()[1])
  }

  @Test(arguments: StudentOnTeacher.all.filter { ["llama", "gpt2"].contains($0.golden.name) })
  func `students' sequences decoded together have the bits of each alone`(student: StudentOnTeacher)
    throws
  {
    let decoder = try student.decoder()
    decoder.addAdapters(AttentionProjection.allCases, rank: 2, alpha: 4, dropout: 0, seed: 7)
    for (name, parameter) in decoder.parameters {
      var generator = SeededGenerator(seed: 3, purpose: name)
      let change = Tensor.uniform(parameter.value.shape, in: -0.2...0.2, using: &generator)
      parameter.value = Tensor(
        zip(parameter.value.elements, change.elements).map { $0 + $1 }, parameter.value.shape)
    }
    check(decoder, try student.golden.tokens()[1])
  }
}
