import Results

extension SpeedResult {
  /// Who is faster from which length on, and what the states take, in plain words. nil when no
  /// length was measured for both.
  public var sentence: String? {
    guard let longest = pairs.last else { return nil }
    return comparison("decodes", decodeRatios) + ". " + comparison("reads prompts", prefillRatios)
      + ". At \(Figures.count(longest.student.length)) tokens its state takes "
      + "\(Figures.bytes(longest.student.stateBytes)), the teacher's "
      + "\(Figures.bytes(longest.teacher.stateBytes))."
  }

  private func comparison(_ verb: String, _ ratios: [Ratio]) -> String {
    let lengths = ratios.map { Figures.count($0.length) }
    let (first, last) = (lengths[0], lengths[lengths.count - 1])
    let isOne = lengths.count == 1
    let everywhere =
      isOne
      ? "at the one length measured, \(first)" : "at every length measured, \(first) to \(last)"
    let factor = Figures.decimals(ratios[ratios.count - 1].value) + " times as fast"
    let measured = isOne ? " (\(factor))" : " (\(factor) at \(last))"
    if let crossover = crossover(of: ratios) {
      return crossover == ratios[0].length
        ? "The student \(verb) faster than the teacher \(everywhere)\(measured)"
        : "The student \(verb) faster than the teacher from \(Figures.count(crossover)) tokens on"
          + measured
    }
    let faster = ratios.filter { $0.value > 1 }.map { Figures.count($0.length) }
    if !faster.isEmpty {
      return "The student \(verb) no faster than the teacher at the longest length measured"
        + "\(measured), though faster at \(faster.joined(separator: ", "))"
    }
    let word = ratios.allSatisfy { $0.value < 1 } ? "slower" : "no faster"
    return "The student \(verb) \(word) than the teacher \(everywhere)\(measured)"
  }
}
