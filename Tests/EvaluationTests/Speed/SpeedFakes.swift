import Results

@testable import Evaluation

/// A clock that stands still unless something takes time, and a record of who did what.
final class FakeMachine {
  var time = 0.0
  var log: [String] = []
}

/// A model that takes the time it is told to.
struct FakeReader: ContextReader {
  let name: String
  let machine: FakeMachine
  var isCopy = false
  var stateBytes = 0
  /// Seconds of a piece.
  var reading: (Range<Int>) -> Double = { _ in 0 }
  /// Seconds of the steps of a copy, the first not counted.
  var stepping: [Double] = [0]
  private let progress = Progress()

  /// Tokens read and steps made by this context.
  private final class Progress {
    var tokens = 0
    var steps = 0
  }

  init(
    _ name: String, _ machine: FakeMachine, stateBytes: Int = 0,
    stepping: [Double] = [0], reading: @escaping (Range<Int>) -> Double = { _ in 0 }
  ) {
    self.name = name
    self.machine = machine
    self.stateBytes = stateBytes
    self.stepping = stepping
    self.reading = reading
  }

  func read(_ tokens: [Int32]) {
    let piece = progress.tokens..<progress.tokens + tokens.count
    progress.tokens = piece.upperBound
    machine.log.append("\(name) \(isCopy ? "copy " : "")reads \(piece)")
    machine.time += reading(piece)
  }

  func step(_ token: Int32) {
    machine.log.append("\(name) \(isCopy ? "copy " : "")steps")
    machine.time += stepping[min(progress.steps, stepping.count - 1)]
    progress.steps += 1
  }

  func fork() -> any ContextReader {
    var copy = FakeReader(
      name, machine, stateBytes: stateBytes, stepping: stepping, reading: reading)
    copy.isCopy = true
    return copy
  }
}
