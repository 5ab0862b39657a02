import ArgumentParser
import Documents
import Models
import Pipeline

struct EnvironmentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "env",
    abstract: "Prints what a run's numbers depend on: program, machine, libraries, job.",
    discussion: """
      EXAMPLES
        linearize env
        linearize env --json > env.json
      """)

  @Flag(help: "As JSON, as a run writes it to env.json.")
  var json = false

  func run() throws {
    let document = EnvironmentReport.current(libraries: NativeLibraries.versions).document
    if json {
      try Console.output(document.pretty)
      return
    }
    for (name, value) in document.objectValue!.members {
      switch value {
      case .object(let object):
        for (key, value) in object.members {
          try Console.output("\(name).\(key): \(value.stringValue ?? value.compact)\n")
        }
      default:
        try Console.output("\(name): \(value.stringValue ?? value.compact)\n")
      }
    }
  }
}
