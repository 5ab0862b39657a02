import Documents
import Foundation
import Results

extension EvaluationReport {
  /// Bytes that the page stays under, so that it opens in less than a second and can be mailed.
  static let largestPage = 2_000_000
  /// Bytes of attention maps at most.
  static let largestMaps = 1_200_000
  /// Bytes of a recipe that is shown; a longer one is left to results.json.
  static let largestRecipe = 200_000

  /// `report.html`: one self-contained file under 2 MB that needs no network and reads nothing
  /// else. Sections without data are left out; of attention maps as many are embedded as have
  /// room, and the page says which were left out.
  ///
  /// - Throws: a template's parser error: a mistake of this module, not of the report's.
  public func html() throws -> String {
    let showsRecipe = (recipe?.pretty.utf8.count ?? 0) <= Self.largestRecipe
    let base = try PageTemplates.render(page(maps: 0, showsRecipe: showsRecipe))
    guard let fidelity, !fidelity.maps.isEmpty else { return base }
    // The maps' section itself takes room too.
    let budget = min(Self.largestMaps, Self.largestPage - 40_000 - base.utf8.count)
    return try PageTemplates.render(page(maps: budget, showsRecipe: showsRecipe))
  }

  /// - Parameter maps: bytes that attention maps may take.
  private func page(maps: Int, showsRecipe: Bool) -> PageView {
    var page = PageView(
      windowTitle: "\(title): evaluation", eyebrow: eyebrow, heading: title, verdict: headline,
      footer: "Made by \(provenance["program"]?.stringValue ?? "linearize"). This page is one "
        + "file, loads nothing and sends nothing; its numbers are those of results.json beside it.")
    page.gate = thresholdSentence.map {
      PageView.Gate(
        name: keepsThresholds ? "kept" : "missed", sign: keepsThresholds ? "✓" : "✕", words: $0)
    }
    page.models = [("Teacher", teacherName), ("Student", studentName)].compactMap { name, value in
      value.map { PageView.Fact(name: name, value: $0) }
    }
    page.facts = facts
    page.sections = [
      linearSection, selectionSection, trainingSection, fidelitySection, mapsSection(bytes: maps),
      ablationSection,
      taskSection, recallSection, positionSection, speedSection, cacheSection, thresholdSection,
      sampleSection,
      noteSection,
      repeatSection(showsRecipe: showsRecipe),
    ].compactMap(\.self)
    return page
  }

  private var eyebrow: String {
    var text = "Evaluation"
    if date > 0 {
      let day = Date(timeIntervalSince1970: date).formatted(
        .iso8601.year().month().day().dateTimeSeparator(.space).time(
          includingFractionalSeconds: false))
      text += " of \(day) UTC"
    }
    if seconds > 0 { text += ", took \(Figures.duration(seconds))" }
    return text
  }

  /// The few numbers that a reader wants first.
  private var facts: [PageView.Fact] {
    var facts: [PageView.Fact] = []
    if let gain = trainingGain {
      facts.append(
        .init(
          name: "Over the untrained window", value: Figures.decimals(gain.gain),
          unit: "nats a token",
          detail: gain.share.map { "\(Figures.percent($0)) of the gap from there to the teacher" }))
    }
    if let cosine = value(of: "embeddingCosine") {
      facts.append(
        .init(
          name: "Cosine of embeddings", value: Figures.score(cosine),
          detail: value(of: "embeddingRankCorrelation").map {
            "to the teacher's; similarities correlate in rank by \(Figures.score($0))"
          }))
    }
    if let student = self[.student]?.text {
      let teacher = self[.teacher]?.text
      facts.append(
        .init(
          name: "Perplexity", value: Figures.decimals(student.perplexity),
          detail: teacher.map {
            "teacher \(Figures.decimals($0.perplexity)); "
              + Figures.times(student.perplexity / $0.perplexity)
          }))
    } else if let teacher = self[.teacher]?.text {
      facts.append(.init(name: "Perplexity", value: Figures.decimals(teacher.perplexity)))
    }
    if let fact = linearShare.flatMap(memoryFact) { facts.append(fact) }
    if let last = speed?.pairs.last {
      let ratio = last.teacher.secondsPerToken / last.student.secondsPerToken
      facts.append(
        .init(
          name: "Decoding speed", value: String(format: "%.2f×", ratio), unit: "the teacher's",
          detail: "at \(Figures.count(last.student.length)) tokens; state "
            + "\(Figures.bytes(last.student.stateBytes)) instead of "
            + Figures.bytes(last.teacher.stateBytes)))
    }
    if let cost {
      facts.append(
        .init(
          name: "Training", value: Figures.count(cost.tokens), unit: "tokens",
          detail: "\(Figures.plural(cost.steps, "step")) in \(Figures.duration(cost.seconds))"))
    }
    if let peakMemoryBytes {
      facts.append(.init(name: "Peak memory", value: Figures.bytes(peakMemoryBytes)))
    }
    return facts
  }

  /// A share of the gap only where it is more than chance.
  private func memoryFact(_ linear: LinearShare) -> PageView.Fact? {
    guard let share = linear.share else { return nil }
    if linear.isGainCertain {
      return .init(
        name: "The memory closes", value: Figures.percent(share),
        detail: "of the gap between window alone and teacher")
    }
    return .init(
      name: "The memory adds", value: difference(linear.gain, linear.gainStandardError),
      unit: "nats a token", detail: "over the window alone; no more than chance")
  }
}
