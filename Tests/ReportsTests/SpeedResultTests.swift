import Documents
import Reports
import Results
import Testing

@Suite struct SpeedResultTests {
  /// Teacher's speeds are 100 tokens a second; the student's those times the ratios.
  private func result(
    _ lengths: [Int], decode: [Double], prefill: [Double], teacherLengths: [Int]? = nil
  ) -> SpeedResult {
    SpeedResult(
      teacher: (teacherLengths ?? lengths).map {
        .init(
          length: $0, prefillTokensPerSecond: 100, secondsPerToken: 0.01, stateBytes: $0 * 1000)
      },
      student: zip(lengths, zip(decode, prefill)).map { length, ratios in
        .init(
          length: length, prefillTokensPerSecond: 100 * ratios.1,
          secondsPerToken: 0.01 / ratios.0, stateBytes: 20000)
      })
  }

  @Test func `The crossover is the shortest length from which on the student stays ahead`() {
    let lengths = [512, 1024, 2048, 4096]
    #expect(
      result(lengths, decode: [0.5, 1.5, 2, 3], prefill: [2, 0.9, 1.1, 1.2]).decodeCrossover == 1024
    )
    #expect(
      result(lengths, decode: [1, 1, 1, 1], prefill: [2, 0.9, 1.1, 1.2]).prefillCrossover == 2048)
    #expect(result(lengths, decode: [2, 2, 2, 2], prefill: [1, 1, 1, 1]).decodeCrossover == 512)
    #expect(result(lengths, decode: [2, 2, 2, 0.9], prefill: [1, 1, 1, 1]).decodeCrossover == nil)
    // Exactly as fast is not faster.
    #expect(result(lengths, decode: [2, 2, 2, 2], prefill: [1, 1, 1, 1]).prefillCrossover == nil)
  }

  @Test func `Lengths measured for one model alone say nothing of a crossover`() {
    let result = result(
      [512, 1024, 2048], decode: [0.5, 0.5, 9], prefill: [2, 2, 0.1], teacherLengths: [512, 1024])
    #expect(result.pairs.map(\.student.length) == [512, 1024])
    #expect(result.decodeCrossover == nil)
    #expect(result.prefillCrossover == 512)
    let none = SpeedResult(teacher: result.teacher, student: [])
    #expect(none.decodeCrossover == nil && none.sentence == nil)
  }

  @Test func `The sentence says plainly who is faster from where on`() {
    let lengths = [512, 2048, 4096]
    #expect(
      result(lengths, decode: [0.5, 0.7, 0.75], prefill: [1.5, 1.5, 1.25]).sentence
        == "The student decodes slower than the teacher at every length measured, 512 to 4,096 "
        + "(0.750 times as fast at 4,096). The student reads prompts faster than the teacher at "
        + "every length measured, 512 to 4,096 (1.250 times as fast at 4,096). At 4,096 tokens its "
        + "state takes 20.0 kB, the teacher's 4.10 MB.")
    #expect(
      result(lengths, decode: [0.5, 1.5, 2], prefill: [1.5, 1.5, 0.5]).sentence
        == "The student decodes faster than the teacher from 2,048 tokens on (2.000 times as fast "
        + "at 4,096). The student reads prompts no faster than the teacher at the longest length "
        + "measured (0.500 times as fast at 4,096), though faster at 512, 2,048. At 4,096 tokens "
        + "its state takes 20.0 kB, the teacher's 4.10 MB.")
    #expect(
      result([512], decode: [1], prefill: [0.5]).sentence
        == "The student decodes no faster than the teacher at the one length measured, 512 (1.000 "
        + "times as fast). The student reads prompts slower than the teacher at the one length "
        + "measured, 512 (0.500 times as fast). At 512 tokens its state takes 20.0 kB, the "
        + "teacher's 512 kB.")
  }

  @Test func `The table and the words hold all that was measured and what was not`() {
    var result = result(
      [512, 4096], decode: [0.5, 2], prefill: [10, 20], teacherLengths: [512])
    result.notes = ["A note."]
    result.omissions = [.init(role: .teacher, length: 4096, reason: "the limit of 5.0 s is over")]
    let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.split(separator: " ").joined(separator: " ") }
    #expect(
      lines == [
        "Context teacher prefill tok/s teacher decode tok/s teacher state student prefill tok/s "
          + "student decode tok/s student state",
        lines[1],
        "512 100 100 512 kB 1,000 50.0 20.0 kB",
        "4,096 2,000 200 20.0 kB", "", "\(result.sentence ?? "no sentence")", "A note.",
        "Not measured: teacher at 4,096 tokens: the limit of 5.0 s is over.", "",
      ])
  }

  @Test func `The JSON names points, omissions and crossovers`() {
    var result = result([512, 1024], decode: [0.5, 2], prefill: [0.5, 0.5])
    result.omissions = [.init(role: .student, length: 2048, reason: "no time")]
    let document = result.document
    #expect(
      document["teacher"]
        == [
          [
            "length": 512, "prefillTokensPerSecond": 100.0, "decodeTokensPerSecond": 100.0,
            "secondsPerToken": 0.01, "stateBytes": 512000,
          ],
          [
            "length": 1024, "prefillTokensPerSecond": 100.0, "decodeTokensPerSecond": 100.0,
            "secondsPerToken": 0.01, "stateBytes": 1_024_000,
          ],
        ])
    #expect(document["student"]?.arrayValue?.count == 2)
    #expect(
      document["omitted"] == [["model": "student", "length": 2048, "reason": "no time"]])
    #expect(document["decodeCrossover"] == 1024)
    #expect(document["prefillCrossover"] == .null)
    #expect(document["sentence"]?.stringValue == result.sentence)
  }
}
