/** The HTML of the issuer: a form to sign in, and a page with one message. Pure. */

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 24rem; margin: 3rem auto; padding: 0 1rem; }
label, input, button { display: block; box-sizing: border-box; width: 100%; font: inherit; }
label { margin-top: 1rem; font-weight: 600; }
input, button { padding: 0.6rem; margin-top: 0.25rem; }
button { margin-top: 1.5rem; }
small { display: block; }
`;

/** The form; `action` is where it goes, `problem` what was wrong with the last answer. */
export function signInPage(options: {
  action: string;
  clientId: string;
  user: string;
  projects: string;
  problem?: string | undefined;
}): string {
  const { action, clientId, user, projects, problem } = options;
  const trouble = problem === undefined ? '' : `<p id="problem" role="alert">${escape(problem)}</p>`;
  const described = problem === undefined ? '' : ' aria-invalid="true" aria-describedby="problem"';
  return page(
    'Sign in',
    `<p>The local stack signs in any name, without a password, for <b>${escape(clientId)}</b>.</p>
${trouble}
<form method="post" action="${escape(action)}">
<label for="user">Name</label>
<input id="user" name="user" value="${escape(user)}" maxlength="200" autocomplete="username" required autofocus${described}>
<label for="projects">Projects</label>
<input id="projects" name="projects" value="${escape(projects)}" autocomplete="off" spellcheck="false" aria-describedby="projects-help">
<small id="projects-help">Ids with commas between them. Empty: the token names no projects.</small>
<button type="submit">Sign in</button>
</form>`,
  );
}

export function messagePage(title: string, message: string): string {
  return page(title, `<p>${escape(message)}</p>`);
}

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}: local stack</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
${content}
</main>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
}
