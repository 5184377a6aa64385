/** What concerns all files at once, above them: the network is away, or the sign-in has ended. */
import { button, byId, element } from './dom.ts';
import { texts } from './texts.ts';

type BannersOptions = { speak: (text: string) => void; onSignIn: () => void };

/** Follows the network by itself; `showLapse` is for the sign-in. */
export function createBanners({ speak, onSignIn }: BannersOptions) {
  const offline = element('p', { class: 'banner', id: 'offline' }, texts.network.offline);
  const lapsed = element(
    'div',
    { class: 'banner', id: 'lapsed' },
    element('p', {}, texts.signIn.again),
    button(texts.signIn.againAction, { class: 'button primary' }, onSignIn),
  );
  const banners = byId('banners', HTMLElement);
  banners.append(offline, lapsed);
  offline.hidden = navigator.onLine;
  lapsed.hidden = true;

  const follow = (isOnline: boolean) => (): void => {
    offline.hidden = isOnline;
    speak(isOnline ? texts.network.online : texts.network.offline);
  };
  window.addEventListener('online', follow(true));
  window.addEventListener('offline', follow(false));

  return {
    showLapse(isLapsed: boolean): void {
      lapsed.hidden = !isLapsed;
      if (isLapsed) speak(texts.signIn.again);
    },
  };
}
