//! What a visitor can try while the fleet stays up.

use anyhow::Result;
use harness::world::World;

use crate::scenario::Scenario;

/// `played` is what the fleet has behind it.
pub(crate) fn text(world: &World, played: &[Scenario]) -> Result<String> {
    let mut lines = vec![
        format!(
            "export TILLWARD_CONTEXT={}",
            world.directory().join("fleet/operator/operator.toml").display()
        ),
        format!("alias tillward={}", world.programs.tillward()?.display()),
        "tillward status".to_owned(),
        "tillward terminal list".to_owned(),
        "tillward audit show".to_owned(),
    ];
    for scenario in played {
        lines.push(format!("# {}: {}", scenario.name, scenario.leaves));
        lines.extend(scenario.commands.iter().map(|command| format!("tillward {command}")));
    }
    Ok(format!(
        "\nThe fleet stays up and sells until ctrl-c. In another window:\n\n  {}\n\n\
         Logs are in {}.\n",
        lines.join("\n  "),
        world.logs().display(),
    ))
}
