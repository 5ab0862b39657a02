import Corpus
import Foundation
import Operations
import Testing

@testable import Evaluation

/// Merges a space with the digit behind it, and every two letters, as real tokenizers do.
private struct MergingEncoder: TextEncoder {
  let endOfText: Int32? = nil
  let beginningOfText: Int32? = nil

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    let bytes = Array(text.utf8)
    var ids: [Int32] = []
    var place = 0
    while place < bytes.count {
      let next = place + 1 < bytes.count ? bytes[place + 1] : 0
      let merges = bytes[place] == 32 ? (48...57).contains(next) : next > 96 && bytes[place] > 96
      ids.append(merges ? Int32(bytes[place]) << 8 | Int32(next) : Int32(bytes[place]))
      place += merges ? 2 : 1
    }
    return ids
  }
}

@Suite struct PasskeyRetrievalTests {
  private let encoder = ByteEncoder()

  @Test func `The text asks for a key that it holds twice, and the answer is scored`() throws {
    let task = try PasskeyRetrieval(encoder, seed: 3).task(length: 900)
    #expect(task.sequences.count == 5)
    #expect(task.queries == 5)
    // The space before the number says that one comes, not which.
    #expect(task.answerStarts == task.sequences.map { $0.tokens.count - 5 })
    for sequence in task.sequences {
      #expect(sequence.tokens.count <= 900)
      // Less than another sentence is missing.
      #expect(sequence.tokens.count > 900 - 23)
      #expect(sequence.tokens.first == 256)
      #expect(!sequence.tokens.contains(257))
      let text = encoder.decode(sequence.tokens)
      let key = try #require(text.split(separator: " ").last)
      #expect(key.count == 5 && key.allSatisfy(\.isNumber))
      #expect(text.contains("\nThe pass key is \(key). Remember it. \(key) is the pass key.\n"))
      #expect(text.hasSuffix("\nWhat is the pass key? The pass key is \(key)"))
      #expect(text.hasPrefix("There is an important info"))
      let scored = sequence.targets.indices.filter { sequence.targets[$0] != ignoredTarget }
      #expect(encoder.decode(scored.map { sequence.targets[$0] }) == " \(key)")
      #expect(scored.allSatisfy { sequence.targets[$0] == sequence.tokens[$0 + 1] })
    }
  }

  @Test func `Depths are spread evenly over the filler`() throws {
    let task = try PasskeyRetrieval(encoder, seed: 3).task(length: 4000, depths: 4)
    for (depth, sequence) in task.sequences.enumerated() {
      let text = encoder.decode(sequence.tokens)
      let before = try #require(text.range(of: "The pass key is")).lowerBound
      let share = Double(text[..<before].utf8.count - 147) / Double(text.utf8.count - 147 - 102)
      #expect(abs(share - (Double(depth) + 0.5) / 4) < 0.02)
    }
  }

  @Test func `The answer begins where the tokens do, not the characters`() throws {
    let encoder = MergingEncoder()
    let task = try PasskeyRetrieval(encoder, seed: 1).task(length: 600, depths: 1)
    let sequence = task.sequences[0]
    #expect(task.answerStarts == [sequence.tokens.count - 5])
    let answer = sequence.targets.filter { $0 != ignoredTarget }
    // The space is one token with the first digit; four digits follow.
    #expect(answer.count == 5)
    #expect(answer[0] >> 8 == 32)
    #expect(sequence.tokens.suffix(5) == answer[...])
  }

  @Test func `Sequences are a function of the seed, and their keys differ`() throws {
    let task = try PasskeyRetrieval(encoder, seed: 5).task(length: 700, depths: 8)
    #expect(task == (try PasskeyRetrieval(encoder, seed: 5).task(length: 700, depths: 8)))
    let keys = task.sequences.map { encoder.decode($0.tokens.suffix(5)) }
    #expect(Set(keys).count == 8)
    let other = try PasskeyRetrieval(encoder, seed: 6).task(length: 700, depths: 8)
    #expect(keys != other.sequences.map { encoder.decode($0.tokens.suffix(5)) })
  }

  @Test(arguments: [(8192, [256, 512, 1024, 2048, 4096, 8192]), (1000, [256, 512]), (200, [200])])
  func `Lengths double up to the model's`(maximum: Int, lengths: [Int]) {
    #expect(PasskeyRetrieval.lengths(upTo: maximum) == lengths)
  }

  @Test func `A length that the text alone exceeds is refused in words`() throws {
    let retrieval = PasskeyRetrieval(encoder, seed: 1)
    let error = #expect(throws: RecallError.self) { try retrieval.task(length: 200) }
    #expect(
      error.map { "\($0)" }
        == "recall task passkey: a length of 200 tokens does not hold the text, which has 250 tokens without filler; give a longer length"
    )
    // Exactly what the text takes is enough.
    #expect(try retrieval.task(length: 250).sequences.allSatisfy { $0.tokens.count == 250 })
  }
}
