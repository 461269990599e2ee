import Foundation
import Testing

/// A program that tests drive, and that a machine may lack.
enum Tool: String {
    case terraform
    case aws
    case python = "python3"
    /// The same with what speaks gRPC.
    case grpc
    case browser = "chromium"

    /// Where the program is, in the project's own Python environment or on the search path; nil when it is not usable.
    var path: String? {
        switch self {
        case .terraform: Self.terraformPath
        case .aws: Self.awsPath
        case .python: Self.pythonPath
        case .grpc: Self.pythonPath.flatMap { Self.imports(["grpc", "grpc_tools"], with: $0) ? $0 : nil }
        case .browser: Self.browserPath
        }
    }

    /// What the program needs to have to be of use, as a reason for a skipped test.
    var need: Comment {
        switch self {
        case .terraform: "terraform, or a mirror of its AWS provider, is not on this machine"
        case .aws: "the AWS CLI is not on this machine"
        case .python: "python3 with boto3 and cryptography is not on this machine"
        case .grpc: "grpcio and grpcio-tools for Python are not on this machine"
        case .browser: "chromium, its driver, or Selenium and axe for Python are not on this machine"
        }
    }

    private static let terraformPath = ProviderMirror.path == nil ? nil : find("terraform")
    private static let awsPath = find("aws")
    private static let pythonPath = find("python3").flatMap { path in
        imports(["boto3", "botocore", "cryptography"], with: path) ? path : nil
    }

    private static let browserPath = find("chromedriver") != nil && driverIsKnown ? find("chromium") : nil
    private static var driverIsKnown: Bool {
        pythonPath.map { imports(["selenium", "axe_selenium_python"], with: $0) } ?? false
    }

    private static func find(_ name: String) -> String? {
        let own = Repository.root.appendingPathComponent(".venv/bin").path
        let searched = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":").map(String.init) ?? []
        return ([own] + searched).map { "\($0)/\(name)" }.first(where: FileManager.default.isExecutableFile(atPath:))
    }

    private static func imports(_ modules: [String], with python: String) -> Bool {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["-c", "import \(modules.joined(separator: ", "))"]
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}

/// A directory in which Terraform finds the AWS provider without a network.
enum ProviderMirror {
    /// `CHATELAINE_TERRAFORM_MIRROR`, or the first of the usual places that holds the provider.
    static let path: String? = ProcessInfo.processInfo.environment["CHATELAINE_TERRAFORM_MIRROR"] ?? discovered

    private static var discovered: String? {
        let home = FileManager.default.homeDirectoryForCurrentUser.path
        let bases = [
            "\(home)/.terraform.d/plugins", "\(home)/.terraform.d/plugin-cache", "/usr/local/share/terraform",
            "/usr/share/terraform", "/opt", "/usr/local/lib/terraform", "/var/lib/terraform",
        ]
        let twoLevels = bases.lazy.flatMap { [$0] + children(of: $0) }.flatMap { [$0] + children(of: $0) }
        return twoLevels.first(where: holdsProvider)
    }

    private static func holdsProvider(_ directory: String) -> Bool {
        let provider = "\(directory)/registry.terraform.io/hashicorp/aws"
        return FileManager.default.enumerator(atPath: provider)?.contains { entry in
            (entry as? String)?.contains("terraform-provider-aws") ?? false
        } ?? false
    }

    private static func children(of directory: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.sorted().map { "\(directory)/\($0)" }
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips the test, with the reason, where the tool is missing; a continuous build has them all, so there it runs
    /// and fails.
    static func needs(_ tool: Tool) -> Self {
        let isContinuousBuild = ProcessInfo.processInfo.environment["CI"] == "true"
        return .enabled(if: isContinuousBuild || tool.path != nil, tool.need)
    }
}
