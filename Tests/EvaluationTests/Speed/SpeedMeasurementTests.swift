import Documents
import Operations
import Results
import Students
import Testing
import Transformers

@testable import Evaluation

@Suite struct SpeedMeasurementTests {
  private func measurement(
    _ lengths: [Int], steps: Int = 3, maximumSeconds: Double = .infinity, pieceLength: Int,
    _ machine: FakeMachine
  ) -> SpeedMeasurement {
    var measurement = SpeedMeasurement(
      lengths: lengths, steps: steps, maximumSeconds: maximumSeconds, clock: { machine.time })
    measurement.pieceLength = pieceLength
    return measurement
  }

  // MARK: What is measured

  @Test func `Models take turns by pieces and steps, and steps are made on copies`() throws {
    let machine = FakeMachine()
    var progress: [String] = []
    _ = try measurement([10, 4], steps: 2, pieceLength: 4, machine).measure(
      [
        SpeedTrack(.teacher, FakeReader("T", machine)),
        SpeedTrack(.student, FakeReader("S", machine)),
      ], vocabularySize: 40
    ) { progress.append("\($0)/\($1)") }
    let turns = ["T copy steps", "S copy steps"]
    #expect(
      machine.log == ["T reads 0..<4", "S reads 0..<4"] + turns + turns + turns
        + ["T reads 4..<8", "S reads 4..<8", "T reads 8..<10", "S reads 8..<10"] + turns + turns
        + turns)
    #expect(progress == ["0/20", "4/20", "8/20", "12/20", "16/20", "18/20", "20/20"])
  }

  @Test func `Prefill counts from the start, steps by their median, the first step not at all`()
    throws
  {
    let machine = FakeMachine()
    let result = try measurement([8, 16], steps: 4, pieceLength: 4, machine).measure(
      [
        // Two pieces of 1 s, then two of 3 s.
        SpeedTrack(
          .teacher,
          FakeReader("T", machine, stateBytes: 7, stepping: [100, 8, 1, 2, 4]) {
            $0.lowerBound < 8 ? 1 : 3
          }),
        SpeedTrack(
          .student, FakeReader("S", machine, stateBytes: 5, stepping: [9, 0.5]) { _ in 2 }),
      ], vocabularySize: 40
    ) { _, _ in }
    #expect(
      result
        == SpeedResult(
          teacher: [
            .init(length: 8, prefillTokensPerSecond: 4, secondsPerToken: 3, stateBytes: 7),
            .init(length: 16, prefillTokensPerSecond: 2, secondsPerToken: 3, stateBytes: 7),
          ],
          student: [
            .init(length: 8, prefillTokensPerSecond: 2, secondsPerToken: 0.5, stateBytes: 5),
            .init(length: 16, prefillTokensPerSecond: 2, secondsPerToken: 0.5, stateBytes: 5),
          ]))
  }

  @Test(arguments: [([3], 3), ([9, 1, 2], 2), ([4, 1, 3, 100], 3.5)] as [([Double], Double)])
  func `The median of an even number is between the middle two`(values: [Double], median: Double) {
    #expect(SpeedTrack.median(values) == median)
  }

  @Test func `A decoder's numbers follow from the clock, its cache from the length alone`() throws {
    var time = 0.0
    var measurement = SpeedMeasurement(lengths: [3, 10, 17], steps: 2) {
      time += 1
      return time
    }
    measurement.pieceLength = 4
    let result = try measurement.run(teacher: try tinyDecoder(), student: nil)
    #expect(result.teacher.map(\.length) == [3, 10, 17])
    // A second a piece: 1, 1 + 2, 3 + 2.
    #expect(result.teacher.map(\.prefillTokensPerSecond) == [3, 10.0 / 3, 17.0 / 5])
    #expect(result.teacher.map(\.secondsPerToken) == [1, 1, 1])
    // Two layers of keys and values, one head of 8.
    #expect(result.teacher.map(\.stateBytes) == [3, 10, 17].map { $0 * 2 * 2 * 8 * 4 })
    #expect(result.student.isEmpty && result.omissions.isEmpty && result.notes.isEmpty)
    #expect(result.pairs.isEmpty)
  }

  // MARK: Limits of time

  /// Reading costs `token * (base + slope * position)`, exactly what the pace foretells.
  private func cost(_ base: Double, _ slope: Double) -> (Range<Int>) -> Double {
    { Double($0.count) * (base + slope * Double($0.lowerBound + $0.upperBound) / 2) }
  }

  @Test func `A length that would take longer than what is left is left out, the fastest served`()
    throws
  {
    let machine = FakeMachine()
    // The teacher takes 4 s to 16 tokens, 12 more to 32, from there 48 to 64 and 240 to 128; the
    // student 4, 4, 8 and 16.
    let result = try measurement(
      [16, 32, 64, 128], maximumSeconds: 60, pieceLength: 16, machine
    ).measure(
      [
        SpeedTrack(.teacher, FakeReader("T", machine, reading: cost(0, 1.0 / 32))),
        SpeedTrack(.student, FakeReader("S", machine, reading: cost(0.25, 0))),
      ], vocabularySize: 40
    ) { _, _ in }
    #expect(result.teacher.map(\.length) == [16, 32])
    #expect(result.student.map(\.length) == [16, 32, 64, 128])
    #expect(
      result.omissions == [
        .init(
          role: .teacher, length: 64,
          reason:
            "it would take about 48.0 s more, 28.0 s of the limit of 1 min 00 s are left"),
        .init(
          role: .teacher, length: 128,
          reason:
            "it would take about 4 min 00 s more, 12.0 s of the limit of 1 min 00 s are left"),
      ])
  }

  @Test func `The steps at a length count towards what it would take`() throws {
    let machine = FakeMachine()
    // 16 tokens a second, 4 steps of 2 s: 9 s to 16, then 24.
    let result = try measurement(
      [16, 32], maximumSeconds: 17, pieceLength: 16, machine
    ).measure(
      [SpeedTrack(.teacher, FakeReader("T", machine, stepping: [2], reading: cost(1.0 / 16, 0)))],
      vocabularySize: 40
    ) { _, _ in }
    #expect(result.teacher.map(\.length) == [16])
    #expect(
      result.omissions.map(\.reason) == [
        "it would take about 9.0 s more, 8.0 s of the limit of 17.0 s are left"
      ])
  }

  @Test func `Reading ends with the limit, and nothing is measured after it`() throws {
    let machine = FakeMachine()
    let result = try measurement([32, 64], maximumSeconds: 5, pieceLength: 8, machine).measure(
      [
        SpeedTrack(.teacher, FakeReader("T", machine, reading: { _ in 2 })),
        SpeedTrack(.student, FakeReader("S", machine, reading: { _ in 1 })),
      ], vocabularySize: 40
    ) { _, _ in }
    #expect(machine.log == ["T reads 0..<8", "S reads 0..<8", "T reads 8..<16", "S reads 8..<16"])
    #expect(result.teacher.isEmpty && result.student.isEmpty)
    let late = { (role: SpeedResult.Role) in
      SpeedResult.Omission(
        role: role, length: 32, reason: "the limit of 5.0 s was over after 16 of its tokens")
    }
    let over = { (role: SpeedResult.Role) in
      SpeedResult.Omission(role: role, length: 64, reason: "the limit of 5.0 s is over")
    }
    #expect(result.omissions == [late(.teacher), late(.student), over(.teacher), over(.student)])
  }

  // MARK: What models allow

  private func student(softmaxLayers: String) throws -> Decoder {
    let decoder = try tinyDecoder()
    let document = try JSONValue(
      parsing: #"{"mixer": "terrace-window", "windowSize": 4, "softmaxLayers": \#(softmaxLayers)}"#)
    try decoder.install(
      try DocumentReader.read(document, StudentSpecification.init), seed: 1, location: "tiny")
    return decoder
  }

  @Test func `A student's state stops growing, a hybrid's does not, and the notes say so`() throws {
    let measurement = SpeedMeasurement(lengths: [200, 400, 800], steps: 1, clock: { 0 })
    let teacher = try tinyDecoder()
    let whole = try measurement.run(teacher: teacher, student: try student(softmaxLayers: "[]"))
    let bytes = whole.student.map(\.stateBytes)
    #expect(bytes[0] == bytes[1] && bytes[1] == bytes[2])
    #expect(whole.teacher[2].stateBytes == 4 * whole.teacher[0].stateBytes)
    let positions =
      "Lengths above 64 tokens are beyond the positions that the model was trained on: they show "
      + "speed and memory, not that its text is of use there."
    #expect(whole.notes == [positions])
    let hybrid = try measurement.run(teacher: teacher, student: try student(softmaxLayers: "[0]"))
    #expect(hybrid.student[2].stateBytes > hybrid.student[1].stateBytes)
    #expect(
      hybrid.notes == [
        positions,
        "1 of the student's 2 layers keep softmax attention: its state grows with the context.",
      ])
  }

  @Test func `Lengths beyond learned positions are refused, all of them at once`() throws {
    let teacher = try tinyDecoder()
    var configuration = teacher.configuration
    configuration.positions = .learned
    let learned = Decoder(configuration: configuration, weights: teacher.weights)
    let measurement = SpeedMeasurement(lengths: [65, 59, 60], steps: 4, clock: { 0 })
    let error = #expect(throws: SpeedError.self) {
      try measurement.run(teacher: learned, student: nil)
    }
    #expect(error?.exitCode == .usage)
    #expect(
      error?.description
        == "context lengths 60, 65 are too long: the model has learned 64 positions; expected at most "
        + "59, which leaves room for 5 steps after each: give shorter ones")
    #expect(
      SpeedMeasurement.lengths([16, 59, 60, 128], within: learned.lengthLimit, steps: 4) == [
        16, 59,
      ])
    #expect(
      SpeedMeasurement.lengths([16, 128], within: teacher.lengthLimit, steps: 4) == [16, 128])
    let result = try SpeedMeasurement(lengths: [59], steps: 4, clock: { 0 }).run(
      teacher: learned, student: nil)
    #expect(result.teacher.map(\.length) == [59])
    #expect(
      result.notes == [
        "The model has learned 64 positions: lengths above 59 are not measured."
      ])
  }

  @Test func `Lengths and steps below 1 are refused`() throws {
    let teacher = try tinyDecoder()
    #expect(throws: SpeedError.lengths([])) {
      try SpeedMeasurement(lengths: [], clock: { 0 }).run(teacher: teacher, student: nil)
    }
    #expect(throws: SpeedError.lengths([5, 0])) {
      try SpeedMeasurement(lengths: [5, 0], clock: { 0 }).run(teacher: teacher, student: nil)
    }
    #expect(throws: SpeedError.steps(0)) {
      try SpeedMeasurement(steps: 0, clock: { 0 }).run(teacher: teacher, student: nil)
    }
  }

  @Test func `What the progress throws ends the measurement`() throws {
    struct Stop: Error {}
    let teacher = try tinyDecoder()
    #expect(throws: Stop.self) {
      try SpeedMeasurement(lengths: [8], clock: { 0 }).run(teacher: teacher, student: nil) { _, _ in
        throw Stop()
      }
    }
  }
}
